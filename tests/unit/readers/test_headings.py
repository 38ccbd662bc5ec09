"""What is said of a heading that is not there as it is asked for."""

import pytest

from modelward.errors import DataError
from modelward.readers.tables.text_columns import text_columns


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (" age ", "headings are read without the blanks around them; write 'age'"),
        ("heart  rate", "no such column; did you mean 'heart rate'"),
        (" ward ", "no such column; valid here: age, heart rate"),
    ],
)
def test_blanks_around_a_heading_are_told_apart_from_a_column_that_is_not_there(
    tmp_path, asked, said
):
    table = tmp_path / "table.csv"
    table.write_text(" age ,heart rate\n40,70\n50,80\n")

    assert text_columns(table, ["age", "heart rate"])["age"].tolist() == ["40", "50"]
    with pytest.raises(DataError) as refused:
        text_columns(table, [asked])

    assert said in refused.value.what
