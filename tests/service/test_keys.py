from app.service.keys import hash_of, known, new_key


def test_keys_differ_and_are_long():
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(key.startswith("denoiser_") and len(key) > 50 for key in keys)


def test_a_key_is_known_by_its_hash():
    one, other, stranger = new_key(), new_key(), new_key()
    hashes = [hash_of(one), hash_of(other)]
    assert known(one, hashes) == hashes[0]
    assert known(other, hashes) == hashes[1]
    for wrong in (stranger, one[:-1], one + "x", hashes[0], "", "\xe9"):
        assert known(wrong, hashes) is None
    assert known(one, []) is None
