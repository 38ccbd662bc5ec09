"""Random numbers by name."""

from modelward.recipes.layers.draws import draws


def test_the_same_words_draw_the_same_numbers():
    assert (draws("a", 1).random(5) == draws("a", 1).random(5)).all()


def test_other_words_draw_others():
    seen = {draws(*words).random() for words in (("a", 1), ("a", 2), ("b", 1), ("a", "1"))}

    assert len(seen) == 4


def test_the_stream_of_a_name_is_fixed_for_ever():
    # Recorded once. A change means that finished studies can no longer be replayed.
    assert draws("train", 0, 1, "north").integers(0, 1000, 4).tolist() == [363, 18, 128, 242]
