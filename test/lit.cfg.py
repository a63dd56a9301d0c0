# Configuration of the lit tests.
#
#   lit build/test                          all tests
#   lit test/Dialect/Attn/ops.mlir          one test, from the source folder
#   lit --param roundtrip=1 build/test      attn-opt also verifies that printing
#                                           and parsing again changes nothing

import os
import shutil

import lit.formats
import lit.llvm
from lit.llvm.subst import ToolSubst

# Started on the source folder: what belongs to a build is in the site
# configuration of that build, which loads this file again.
if not hasattr(config, "attn_build_dir"):
    source_dir = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    build_dir = os.environ.get("ATTN_BUILD_DIR", os.path.join(source_dir, "build"))
    site_config = os.path.join(build_dir, "test", "lit.site.cfg.py")
    if not os.path.exists(site_config):
        lit_config.fatal(
            "no %s: configure the project first (cmake --preset default), or "
            "set ATTN_BUILD_DIR to your build folder" % site_config
        )
    lit_config.load_config(config, site_config)
    raise SystemExit

lit.llvm.initialize(lit_config, config)
llvm_config = lit.llvm.llvm_config

roundtrip = lit_config.params.get("roundtrip", "0") not in ("", "0")

config.name = "attn-mlir-roundtrip" if roundtrip else "attn-mlir"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs"]
config.test_source_root = os.path.join(config.attn_source_dir, "test")
# The two suites run at the same time and must not share temporary files.
config.test_exec_root = os.path.join(
    config.attn_build_dir, "test", "roundtrip" if roundtrip else "plain"
)

# Kernels that an earlier build of the compiler left in the cache must not
# answer for the one under test.
cache_dir = os.path.join(config.test_exec_root, "cache")
shutil.rmtree(cache_dir, ignore_errors=True)
config.environment["ATTN_CACHE_DIR"] = cache_dir
config.environment["CUDA_PATH"] = config.attn_cuda_root

if os.environ.get("ATTN_TEST_ALL", "0") not in ("", "0"):
    config.environment["ATTN_TEST_ALL"] = "1"
    config.available_features.add("test-all")
if config.attn_sanitize:
    config.available_features.add("sanitize")

llvm_config.with_environment("PATH", config.llvm_tools_dir, append_path=True)
llvm_config.with_environment("PATH", config.attn_tools_dir, append_path=True)
llvm_config.use_default_substitutions()

attn_opt = os.path.join(config.attn_tools_dir, "attn-opt")
if not os.path.exists(attn_opt):
    lit_config.fatal("no %s: build the project first" % attn_opt)
config.substitutions.append(
    ("%examples", os.path.join(config.attn_source_dir, "examples"))
)
# For a test that cannot verify the round trip; it says why in a comment.
config.substitutions.append(("%plain-attn-opt", attn_opt))
config.substitutions.append(
    ("%fake-nvrtc", os.path.join(config.attn_libs_dir, "libattn_fake_nvrtc.so"))
)
config.substitutions.append(
    ("%ptxas", os.path.join(config.attn_cuda_root, "bin", "ptxas"))
)
llvm_config.add_tool_substitutions(
    [
        # Not a word of a path or of a longer name: test/attn-opt/x, attn-opt.mlir.
        ToolSubst(
            "attn-opt",
            command=attn_opt + (" --verify-roundtrip" if roundtrip else ""),
            post="-./",
        ),
        ToolSubst("attn-compile", unresolved="fatal"),
        ToolSubst("attn-cubin-info", unresolved="fatal"),
        ToolSubst("attn-emulate", unresolved="fatal"),
        ToolSubst("attn-run", unresolved="fatal"),
        ToolSubst("attn-translate", unresolved="fatal"),
        ToolSubst("mlir-opt", unresolved="fatal"),
        ToolSubst("split-file", unresolved="fatal"),
    ],
    [config.attn_tools_dir, config.llvm_tools_dir],
)
