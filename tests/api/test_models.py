def test_the_cards_are_told(client):
    listed = client.get("/models").json()
    assert listed["default"] == "blur"
    (card,) = listed["models"]
    assert card["name"] == "blur"
    assert len(card["sha256"]) == 64
    assert client.get("/models/blur").json() == card


def test_before_the_models_are_loaded_only_what_needs_none_is_served(listen, image_file):
    files = {"image": image_file()}
    with listen() as client:
        assert client.get("/health/live").json() == {"status": "live"}
        assert client.post("/noise", files=files).status_code == 200
        for answer in (
            client.get("/health/ready"),
            client.get("/models"),
            client.post("/denoise", files=files),
        ):
            assert answer.status_code == 503
            assert answer.json()["code"] == "loading"
            assert int(answer.headers["retry-after"]) > 0
