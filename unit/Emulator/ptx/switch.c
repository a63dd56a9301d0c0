// Made for the tests of the parser, compiled for NVPTX by Clang: tables of
// branches, aliases, packed addresses.
#pragma pack(1)
struct Packed {
  char c;
  int *p;
};
static int value = 3;
struct Packed packed = {1, &value};
int *pointer = &value;
float half = 0.5f;

__attribute__((noinline)) int callee(int a) {
  int local[8];
  local[a & 7] = a;
  local[0] = *pointer;
  return local[(a + 1) & 7];
}
extern int alias(int) __attribute__((alias("callee")));

__attribute__((nvptx_kernel)) void choose(int *out, struct Packed s, int n) {
  int x = __nvvm_read_ptx_sreg_tid_x();
  switch (n) {
  case 0:
    x += 1;
    break;
  case 1:
    x *= 3;
    break;
  case 2:
    x ^= 5;
    break;
  case 3:
    x = callee(x);
    break;
  case 4:
    x -= 9;
    break;
  }
  out[x] = *packed.p + *s.p + alias(x) + (int)half;
}
