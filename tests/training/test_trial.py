import pytest

from app.imaging.noise import NoiseKind
from training.errors import TrainingError
from training.section import checked
from training.trial import Trial


def test_a_trial_from_elsewhere_is_checked_too():
    with pytest.raises(TrainingError, match=r"the command line: sigmas\.0"):
        checked(Trial, {"dataset": "a", "sigmas": [300]}, "the command line")


def test_a_trial_in_words():
    assert str(Trial(dataset="a", protocol="published")) == "noise not clipped"
    trial = Trial(
        dataset="a",
        kind=NoiseKind.POISSON,
        shared=True,
        fresh=True,
        grey=True,
        square=64,
        test_share=0.25,
        limit=3,
    )
    assert str(trial) == (
        "poisson, clipped and rounded to 8 bits, one noise plane for all channels, "
        "fresh noise for every image, grey, 64x64, 25% held out, by groups, first 3 images"
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"part": "luma", "blur": 0.6},
            "noise in luma alone, blurred by 0.6 px, clipped and rounded to 8 bits",
        ),
        ({"blur": 1.5, "protocol": "published"}, "noise blurred by 1.5 px, noise not clipped"),
        ({"enlarged": 2}, "noise enlarged 2 times, clipped and rounded to 8 bits"),
        ({"jpeg": 70}, "clipped and rounded to 8 bits, then JPEG 70 (4:2:0)"),
        ({"jpeg": 70, "sigmas": [0]}, "clean, then JPEG 70 (4:2:0)"),
        ({"drawn": 8, "subjects": ["flat", "text"], "sigmas": [0]}, "clean, flat and text"),
        ({"noisy": "a", "clean": "b", "grey": True}, "pairs of noisy and clean shots, grey"),
        (
            {"ensemble": 8, "limit": 3},
            "clipped and rounded to 8 bits, mean of 8 orientations, first 3 images",
        ),
    ],
)
def test_a_trials_own_noise_in_words(fields, words):
    assert str(Trial(dataset="a", **fields)) == words


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"noisy": "a"}, "pairs need both"),
        ({"noisy": "a", "clean": "b", "sigmas": [15], "jpeg": 70}, "sigmas, jpeg: .* with pairs"),
        ({"noisy": "a", "clean": "b", "test_share": 0.2}, "test_share: of no use with pairs"),
        ({"drawn": 3, "only": ["a.png"]}, "only: of no use with drawn"),
        ({"subjects": ["text"]}, "subjects: of no use"),
        ({"ensemble": 3}, "ensemble"),
        ({"subjects": ["cats"], "drawn": 3}, "subjects"),
        ({"kind": "poisson", "blur": 1}, "blur: of no use with poisson"),
        ({"protocol": "published", "jpeg": 70}, "service protocol"),
        ({"part": "chroma", "grey": True}, "needs colour"),
        ({"jpeg": 0}, "jpeg"),
    ],
)
def test_a_trial_whose_fields_do_not_fit_together_is_refused(fields, words):
    with pytest.raises(TrainingError, match=words):
        checked(Trial, {"dataset": "a", **fields}, "here")
