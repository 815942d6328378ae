import pytest

from benchmarks.machine import processor


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu avx avx2", ["AVX2"]),
        ("fpu avx2 avx_vnni", ["AVX2", "VNNI"]),
        ("avx2 avx512f avx512_vnni avx512_bf16", ["AVX2", "AVX512", "VNNI", "BF16"]),
        ("avx2 avx512f avx512_bf16 amx_bf16 amx_tile", ["AVX2", "AVX512", "BF16", "AMX"]),
        ("fpu sse4_2", []),
    ],
)
def test_what_the_processor_can_do_is_read_off_linux(flags, expected):
    cpuinfo = f"processor\t: 0\nmodel name\t: A Processor @ 2:1\nflags\t\t: {flags}\n\n"
    assert processor(cpuinfo) == ("A Processor @ 2:1", expected)


def test_other_systems_tell_nothing():
    assert processor("") == ("unknown", [])
