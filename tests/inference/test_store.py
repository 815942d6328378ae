import json
import shutil

import pytest

from app.inference.store import BadModelPackage, read_packages


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
