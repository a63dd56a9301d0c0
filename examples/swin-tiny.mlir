// Swin Transformer tiny (Liu et al. 2021), the first stage's attention: 3 heads of
// dimension 32 in windows of 7 x 7 patches.  Each window is a batch entry.
//
// %bias has a row for each of the 13 x 13 distances of two patches, down and
// across, and a column for each head.  In every second layer the windows are
// shifted, and those at the edge of the picture hold patches that are no
// neighbours: %regions has a number for each patch of each window, and patches see
// those with the same one.
//
//   attn-run examples/swin-tiny.mlir --check --inputs=random:64x3x49x32,random:64x3x49x32,random:64x3x49x32,random:169x3,range:64x49:28

func.func @encode(%q: tensor<?x3x49x32xf32>, %k: tensor<?x3x49x32xf32>,
                  %v: tensor<?x3x49x32xf32>,
                  %bias: tensor<169x3xf32> {attn.name = "bias"},
                  %regions: tensor<?x49xi32> {attn.name = "regions"})
    -> tensor<?x3x49x32xf32> {
  %c6 = arith.constant 6 : index
  %c7 = arith.constant 7 : index
  %c13 = arith.constant 13 : index
  %o = attn.attention %q, %k, %v
      score_mod (%s, %b, %h, %i, %j) {
        %i_row = arith.divui %i, %c7 : index
        %j_row = arith.divui %j, %c7 : index
        %i_col = arith.remui %i, %c7 : index
        %j_col = arith.remui %j, %c7 : index
        %down = arith.subi %i_row, %j_row : index
        %across = arith.subi %i_col, %j_col : index

        // Both are between -6 and 6.
        %down_6 = arith.addi %down, %c6 : index
        %across_6 = arith.addi %across, %c6 : index
        %first = arith.muli %down_6, %c13 : index
        %entry = arith.addi %first, %across_6 : index
        %value = tensor.extract %bias[%entry, %h] : tensor<169x3xf32>
        %r = arith.addf %s, %value : f32
        attn.yield %r : f32
      }
      mask_mod (%b, %h, %i, %j) {
        %mine = tensor.extract %regions[%b, %i] : tensor<?x49xi32>
        %its = tensor.extract %regions[%b, %j] : tensor<?x49xi32>
        %keep = arith.cmpi eq, %mine, %its : i32
        attn.yield %keep : i1
      }
      : (tensor<?x3x49x32xf32>, tensor<?x3x49x32xf32>, tensor<?x3x49x32xf32>)
     -> tensor<?x3x49x32xf32>
  return %o : tensor<?x3x49x32xf32>
}
