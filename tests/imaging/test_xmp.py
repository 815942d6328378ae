import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.imaging import xmp
from app.imaging.xmp import without_promises

NAMES = (
    'xmlns:G="http://ns.google.com/photos/1.0/camera/" '
    'xmlns:C="http://ns.google.com/photos/1.0/container/" '
    'xmlns:I="http://ns.google.com/photos/1.0/container/item/" '
    'xmlns:h="http://ns.adobe.com/hdr-gain-map/1.0/" '
    'xmlns:n="http://ns.adobe.com/xmp/note/" '
    'xmlns:D="http://ns.google.com/photos/1.0/depthmap/" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/"'
)


def packet(attributes="", body=""):
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f"<rdf:Description {NAMES}{attributes}>{body}</rdf:Description></rdf:RDF></x:xmpmeta>"
        '<?xpacket end="w"?>'
    ).encode()


@pytest.mark.parametrize(
    ("attributes", "body"),
    [
        (' G:MotionPhoto="1"', ""),
        (" G:MicroVideo='1'\n G:MicroVideoOffset = \"2>00\"", ""),
        (' h:Version="1.0"', ""),
        (' n:HasExtendedXMP="0123"', ""),
        (' n:HasExtendedXMP="0123" D:Format="RangeInverse"', "<D:Near>1</D:Near>"),
        ("", "<G:MotionPhoto>1</G:MotionPhoto>"),
        (
            "",
            '<C:Directory><rdf:Seq><rdf:li><C:Item I:Mime="v"/></rdf:li></rdf:Seq></C:Directory>',
        ),
        ("", "<C:Directory/>"),
        ("", "<h:GainMapMax a='1'\n/>"),
    ],
)
def test_only_declarations_that_no_longer_hold_are_removed(attributes, body):
    kept = ' dc:format="a &lt; b"', "<dc:title>f\u00fcr<i/></dc:title>"
    given_packet = packet(attributes + kept[0], body + kept[1] + body)
    assert without_promises(given_packet) == packet(*kept)


def test_a_depth_map_within_the_packet_stays():
    whole = packet(' D:Data="AAAA"', "<dc:title/>")
    assert without_promises(whole) == whole


@pytest.mark.parametrize("text", [b"", b"<x/>", b"not XML at all", packet(' dc:x="1"')])
def test_packets_without_a_promise_stay(text):
    assert without_promises(text) == text


@pytest.mark.parametrize("body", ["<a/>" * xmp.MAX_NAMES, "<a b=''/>" * (xmp.MAX_NAMES // 2)])
def test_a_promise_among_too_many_names_costs_the_packet(body):
    assert without_promises(packet(' G:MotionPhoto="1"', body)) is None


@pytest.mark.parametrize(
    "text",
    [
        packet(' G:MotionPhoto="1"')[:-40],
        b'<!DOCTYPE a [<!ENTITY b "c">]>' + packet(' G:MotionPhoto="1"', "&b;"),
        packet(' G:MotionPhoto="1"') + b" " * xmp.MAX_BYTES,
        packet(' G:MotionPhoto="1"').replace(
            b"<?xpacket", b'<?xml version="1.0" encoding="x"?><', 1
        ),
    ],
)
def test_promises_that_cannot_be_cut_out_go_with_their_packet(text):
    assert without_promises(text) is None


@given(st.binary(max_size=60), st.integers(0, 900))
def test_damage_never_raises(damage, place):
    whole = packet(' G:MotionPhoto="1" h:Version="1"', "<C:Directory><a/></C:Directory>")
    broken = whole[:place] + damage + whole[place + len(damage) :]
    result = without_promises(broken)
    assert result is None or len(result) <= len(broken)
