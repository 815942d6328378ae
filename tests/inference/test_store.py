import hashlib
import io
import json
import shutil
import zipfile
from dataclasses import replace

import h5py
import pytest

from app.inference.store import BadModelPackage, chosen, read_packages
from tests.conftest import CARD


def test_reads_every_package(models):
    packages = read_packages(models)
    assert list(packages) == ["blur"]
    package = packages["blur"]
    assert package.path.is_file()
    assert package.card.bytes == package.path.stat().st_size


def test_historical_models_are_last(models, tmp_path):
    for name, historical in {"c": False, "a": True, "b": False, "d": True}.items():
        shutil.copytree(models / "blur", tmp_path / name)
        card = json.loads((tmp_path / name / "card.json").read_text())
        card |= {"name": name, "historical": historical}
        (tmp_path / name / "card.json").write_text(json.dumps(card))
    assert list(read_packages(tmp_path)) == ["b", "c", "a", "d"]
    assert not read_packages(models)["blur"].card.historical


@pytest.mark.parametrize(
    ("cards", "modality", "name"),
    [
        ({"a": "MR", "c": "MR"}, "MR", "a"),
        ({"a": "MR", "c": "CT"}, "CT", "c"),
        ({"a": "MR"}, "CT", "blur"),
        ({"a": "MR"}, "", "blur"),
        ({"a": "MR", "blur": "MR"}, "MR", "blur"),
        ({"old": "MR"}, "MR", "blur"),
    ],
)
def test_scans_get_the_model_of_their_modality(models, cards, modality, name):
    blur = read_packages(models)["blur"]
    packages = {"blur": blur}
    for each, declared in cards.items():
        update = {"name": each, "modality": declared, "historical": each == "old"}
        packages[each] = replace(blur, card=blur.card.model_copy(update=update))
    assert chosen(packages, "blur", modality) == name


@pytest.mark.parametrize("code", ["", "mr", "MR\n", "M"])
def test_a_modality_is_a_code(make_package, code):
    folder = make_package(modality=code)
    with pytest.raises(BadModelPackage, match="modality"):
        read_packages(folder.parent)


def test_folders_without_a_card_are_passed_over(make_package):
    folder = make_package()
    (folder.parent / "notes").mkdir()
    assert list(read_packages(folder.parent)) == ["blur"]


def test_no_packages(tmp_path):
    with pytest.raises(BadModelPackage, match="no model packages"):
        read_packages(tmp_path)


def test_a_changed_file_is_refused(make_package):
    folder = make_package()
    with (folder / "model.keras").open("ab") as file:
        file.write(b"x")
    with pytest.raises(BadModelPackage, match="SHA-256"):
        read_packages(folder.parent)


def test_a_missing_file_is_named(make_package):
    folder = make_package()
    (folder / "model.keras").unlink()
    with pytest.raises(BadModelPackage, match=r"No such file.*model\.keras"):
        read_packages(folder.parent)


def test_a_card_of_another_model_is_refused(make_package):
    folder = make_package(name="blur", title="x")
    card = json.loads((folder / "card.json").read_text()) | {"name": "other"}
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(BadModelPackage, match="named other"):
        read_packages(folder.parent)


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"stride": 0}, "stride"), ({"sha256": "abc"}, "sha256"), ({"surprise": 1}, "surprise")],
)
def test_a_card_that_is_not_valid_says_where(make_package, changes, said):
    folder = make_package(**changes)
    with pytest.raises(BadModelPackage, match=said):
        read_packages(folder.parent)


def test_a_card_that_is_not_json(make_package):
    folder = make_package()
    (folder / "card.json").write_text("{")
    with pytest.raises(BadModelPackage, match="the card"):
        read_packages(folder.parent)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stride", 0),
        ("stride", 3),
        ("stride", 64),
        ("stride", 10**9),
        ("halo", -1),
        ("halo", 10**9),
        ("floats_per_pixel", 1e300),
        ("floats_per_pixel", float("nan")),
        ("gmac", 1e300),
        ("parameters", 10**12),
        ("bytes", 1 << 40),
    ],
)
def test_an_absurd_card_is_refused(make_file, field, value):
    folder = make_file(**{field: value})
    with pytest.raises(BadModelPackage, match=rf"card\.json: {field}"):
        read_packages(folder.parent)


def test_a_file_of_another_size_is_refused(make_file):
    with pytest.raises(BadModelPackage, match="the card says 5"):
        read_packages(make_file(bytes=5).parent)


def test_a_file_that_unpacks_out_of_proportion_is_refused(make_file):
    folder = make_file({"config.json": bytes(20_000_000)})
    with pytest.raises(BadModelPackage, match=r"unpacks to 20000000 bytes.* out of proportion"):
        read_packages(folder.parent)


def test_weights_that_unpack_out_of_proportion_are_refused(make_file):
    file = io.BytesIO()
    with h5py.File(file, "w") as weights:
        weights.create_dataset("a/b", (10**10,), "f4", chunks=(1 << 20,), compression="gzip")
    folder = make_file({"model.weights.h5": file.getvalue()})
    with pytest.raises(BadModelPackage, match="unpacks to 40000000000 bytes"):
        read_packages(folder.parent)


def test_a_file_that_is_no_archive_is_refused(make_file):
    for content in (b"PK", b"no archive"):
        with pytest.raises(BadModelPackage, match="cannot be loaded"):
            read_packages(make_file(content).parent)


@pytest.fixture
def make_file(tmp_path):
    """Makes a package of an archive with the given members, or of any bytes."""

    def make(members=(), **changes):
        folder = tmp_path / str(len(list(tmp_path.iterdir()))) / "made"
        folder.mkdir(parents=True)
        path = folder / "model.keras"
        if isinstance(members, bytes):
            path.write_bytes(members)
        else:
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, data in dict(members).items():
                    archive.writestr(name, data)
        data = path.read_bytes()
        found = {"name": "made", "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        (folder / "card.json").write_text(json.dumps(CARD | found | changes))
        return folder

    return make
