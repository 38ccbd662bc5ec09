"""What is not known to be markup is escaped."""

from hypothesis import given
from hypothesis import strategies as st

from modelward.report.markup import Html, attribute, element, join, label


def test_plain_children_and_attributes_are_escaped():
    made = element("p", "<b> & co", title='say "hi" <now>')

    assert made == '<p title="say &quot;hi&quot; &lt;now&gt;">&lt;b&gt; &amp; co</p>'


def test_markup_is_taken_as_it_is():
    assert element("p", element("b", "<")) == "<p><b>&lt;</b></p>"


def test_names_of_attributes_are_spelled_as_in_html():
    made = element("line", class_="axis", stroke_width=1.5, viewBox="0 0 1 1", role=None)

    assert made == '<line class="axis" stroke-width="1.5" viewBox="0 0 1 1"></line>'


def test_void_elements_have_no_end_tag():
    assert element("meta", charset="utf-8") == '<meta charset="utf-8">'


def test_numbers_lose_needless_digits():
    assert [attribute(value) for value in (12.0, 12.3456, 0.1, 0)] == [
        "12",
        "12.35",
        "0.1",
        "0",
    ]


@given(st.text())
def test_no_text_can_open_a_tag(text):
    inside = join(text)

    assert isinstance(inside, Html)
    assert "<" not in inside
    assert ">" not in inside


def test_labels_are_escaped_too():
    assert "&lt;script&gt;" in label(0, 0, "<script>")
