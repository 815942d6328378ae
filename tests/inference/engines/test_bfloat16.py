import pytest

from app.inference.engines.bfloat16 import has_bfloat16


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("fpu avx512f avx512_bf16", True), ("fpu amx_bf16", True), ("fpu avx2", False), (None, False)],
)
def test_bfloat16_is_read_off_the_processor(tmp_path, flags, expected):
    cpuinfo = tmp_path / "cpuinfo"
    if flags is not None:
        cpuinfo.write_text(f"flags\t\t: {flags}\n")
    assert has_bfloat16(cpuinfo) is expected
