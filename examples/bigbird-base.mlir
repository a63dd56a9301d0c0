// BigBird base (Zaheer et al. 2020), one layer's attention: 12 heads of dimension
// 64, in blocks of 64 tokens.  A block of queries sees the block of the same place
// and its neighbours, the first and the last block of keys, and three blocks that
// were drawn at random; queries of the first and the last block see all keys.
//
// %random has the three blocks of each block of queries.
//
//   attn-run examples/bigbird-base.mlir --check --inputs=random:1x12x1024x64,random:1x12x1024x64,random:1x12x1024x64,integers:16x3:16

func.func @encode(%q: tensor<?x12x?x64xf32>, %k: tensor<?x12x?x64xf32>,
                  %v: tensor<?x12x?x64xf32>,
                  %random: tensor<?x3xi32> {attn.name = "random"})
    -> tensor<?x12x?x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c64 = arith.constant 64 : index
  %one = arith.constant 1 : i32
  %o = attn.attention %q, %k, %v
      mask_mod (%b, %h, %i, %j) {
        %row = arith.floordivsi %i, %c64 : index
        %column = arith.floordivsi %j, %c64 : index
        %difference = arith.subi %row, %column : index
        %narrow = arith.index_cast %difference : index to i32
        %distance = math.absi %narrow : i32
        %near = arith.cmpi sle, %distance, %one : i32

        %length = attn.length key : index
        %end = arith.subi %length, %c1 : index
        %last = arith.floordivsi %end, %c64 : index
        %column_first = arith.cmpi eq, %column, %c0 : index
        %column_last = arith.cmpi eq, %column, %last : index
        %row_first = arith.cmpi eq, %row, %c0 : index
        %row_last = arith.cmpi eq, %row, %last : index
        %seen = arith.ori %column_first, %column_last : i1
        %sees = arith.ori %row_first, %row_last : i1
        %global = arith.ori %seen, %sees : i1

        %block = arith.index_cast %column : index to i32
        %block0 = tensor.extract %random[%row, %c0] : tensor<?x3xi32>
        %block1 = tensor.extract %random[%row, %c1] : tensor<?x3xi32>
        %block2 = tensor.extract %random[%row, %c2] : tensor<?x3xi32>
        %is0 = arith.cmpi eq, %block, %block0 : i32
        %is1 = arith.cmpi eq, %block, %block1 : i32
        %is2 = arith.cmpi eq, %block, %block2 : i32
        %is01 = arith.ori %is0, %is1 : i1
        %drawn = arith.ori %is01, %is2 : i1

        %some = arith.ori %near, %global : i1
        %keep = arith.ori %some, %drawn : i1
        attn.yield %keep : i1
      }
      : (tensor<?x12x?x64xf32>, tensor<?x12x?x64xf32>, tensor<?x12x?x64xf32>)
     -> tensor<?x12x?x64xf32>
  return %o : tensor<?x12x?x64xf32>
}
