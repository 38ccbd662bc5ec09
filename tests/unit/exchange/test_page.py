"""The picture of the knowledge map: nothing is cut off, and a hole says that it is one."""

import re

from modelward.exchange.documents.knowledge import Map
from modelward.exchange.page import GLYPH, picture

LONG = "westminster-and-chelsea-hospital-group"
ITEM = ("equipment", "Siemens Healthineers Ysio Max, room 12 <b>")
HOLE = ("class", "tuberculosis")
KNOWN = Map({ITEM: {"north": 10, LONG: 1_000_000}}, (ITEM, HOLE), ("north", LONG))


def test_the_longest_names_fit_into_the_picture():
    drawn = str(picture(KNOWN))
    found = re.search(r'viewBox="0 0 (\d+) (\d+)"', drawn)
    assert found
    width = int(found[1])

    ends = {
        said: float(x) for x, said in re.findall(r'<text x="([\d.]+)"[^>]*>([^<]*)<', drawn)
    }
    item = ": ".join(ITEM)
    assert ends["equipment: Siemens Healthineers Ysio Max, room 12 &lt;b&gt;"] >= GLYPH * len(
        item
    )
    turned = re.search(rf'rotate\(-60 ([\d.]+) ([\d.]+)\)"[^>]*>{LONG}<', drawn)
    assert turned
    assert float(turned[2]) >= 0.86 * GLYPH * len(LONG), "as high as it is long, turned"
    assert float(turned[1]) + 0.5 * GLYPH * len(LONG) <= width + 1


def test_what_nobody_knows_says_so_and_bands_are_short_enough_for_a_cell():
    drawn = str(picture(KNOWN))

    assert drawn.count(">nobody<") == 1
    assert ">1M<" in drawn
    assert "<b>" not in drawn


def test_a_network_without_offers_is_an_empty_picture():
    assert "<svg" in str(picture(Map({}, (), ())))
