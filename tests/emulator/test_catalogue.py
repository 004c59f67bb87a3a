"""CSV catalogues: reading, guessing, converting."""

import pytest

from segops_admin.emulator import catalogue
from segops_admin.emulator.catalogue import CatalogueError, read_catalogue, rows, suggest_mapping, suggest_schema
from segops_admin.emulator.scoring import score_product
from segops_admin.emulator.values import convert, guess_type


def mapping_of(text, remembered=None):
    return suggest_mapping(read_catalogue(text.encode()), remembered or {})


def test_byte_order_mark_and_quotes_are_understood():
    """Spreadsheets write both; neither may reach a name or a value."""
    found = read_catalogue('\ufeffsku,name\r\n1,"a ""b"", c\nd"\r\n\r\n'.encode())

    assert found.headers == ["sku", "name"]
    assert (found.row_count, found.sample_rows) == (1, [{"sku": "1", "name": 'a "b", c\nd'}])


def test_sample_is_the_first_five_rows():
    """A person confirms the mapping by looking at them."""
    found = read_catalogue(b"sku\n" + b"".join(b"%d\n" % number for number in range(9)))

    assert (found.row_count, [row["sku"] for row in found.sample_rows]) == (9, ["0", "1", "2", "3", "4"])


def test_too_many_rows_are_refused(monkeypatch):
    """The service takes 100,000; the limit is moved here, for speed."""
    monkeypatch.setattr(catalogue, "MAX_ROWS", 3)

    assert read_catalogue(b"sku\n1\n2\n3\n").row_count == 3
    with pytest.raises(CatalogueError, match="more than 3 rows"):
        read_catalogue(b"sku\n1\n2\n3\n4\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SKU,Name,Unit Price (NOK)\n", {"SKU": "sku", "Name": "name", "Unit Price (NOK)": "unit_price_nok"}),
        ("Code,Title\n", {"Code": "sku", "Title": "name"}),
        ("sku,code,title,name\n", {"sku": "sku", "code": "code", "title": "title", "name": "name"}),
        ("Package,Summary\na,x\nb,y\n", {"Package": "sku", "Summary": "name"}),
        ("Product,Label\na,x\na,y\n", {"Product": "product", "Label": "name"}),
        ("unitPrice,unit_price,!!\n", {"unitPrice": "unit_price", "unit_price": None, "!!": None}),
    ],
)
def test_suggested_fields_follow_the_header(text, expected):
    """Each field is used once; a plausible header becomes the sku only where its values are unique."""
    assert mapping_of(text) == expected


def test_remembered_mappings_win():
    """What a person confirmed once is better than any guess."""
    assert mapping_of("Code,Title,X\n", {"X": "sku"}) == {"Code": "code", "Title": "name", "X": "sku"}


def test_suggested_schema_describes_the_mapped_fields_only():
    """sku and name fill the product itself."""
    found = read_catalogue(b"sku,Grain,Grams\n1,rye,500\n")

    assert suggest_schema(found, suggest_mapping(found, {})) == [
        {"name": "grain", "type": "string", "required": False, "description": ""},
        {"name": "grams", "type": "number", "required": False, "description": ""},
    ]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "2.5", ""], "number"),
        (["007"], "string"),
        (["true", "No"], "boolean"),
        (["https://a.example/x"], "url"),
        (["$5", "7.50 NOK"], "price"),
        (["2026-06-01", "2026-06-01T08:00:00Z"], "datetime"),
        (['["a"]', "[]"], "array"),
        (["dark,new", "light"], "array"),
        (["Rye, the dark kind"], "string"),
        (["", ""], "string"),
    ],
)
def test_type_is_guessed_from_all_values(cells, expected):
    """Numbers with leading zeros are codes; lists are single words between commas."""
    assert guess_type(cells) == expected


@pytest.mark.parametrize(
    ("cell", "kind", "expected"),
    [
        ("5", "number", 5),
        ("5.25", "number", 5.25),
        ("five", "number", "five"),
        ("Yes", "boolean", True),
        ("0", "boolean", False),
        ("a, b,,c", "array", ["a", "b", "c"]),
        ('["a", 1]', "array", ["a", 1]),
        ("1,250.50 NOK", "price", {"amount": 1250.5, "currency": "NOK"}),
        ("€3", "price", {"amount": 3, "currency": "EUR"}),
        ("3", "price", {"amount": 3}),
        ('{"amount": 3, "currency": "SEK"}', "price", {"amount": 3, "currency": "SEK"}),
        ('[{"amount": 3}]', "multi_price", [{"amount": 3}]),
        ("2026-06-01", "datetime", "2026-06-01"),
    ],
)
def test_cells_become_values_of_their_field(cell, kind, expected):
    """What does not fit stays text rather than being lost."""
    assert convert(cell, kind) == expected


def test_rows_become_products():
    """Empty cells leave their field out, a line without a sku is no product, a missing name is the sku."""
    content = b"Code,Title,Grams,Skip\n A ,Loaf,500,x\nB\n,none,1,\n"
    mapping = {"Code": "sku", "Title": "name", "Grams": "grams", "Skip": None}

    first, second, third = rows(content, mapping, [{"name": "grams", "type": "number"}])

    assert (first.sku, first.name, first.data) == ("A", "Loaf", {"grams": 500})
    assert first.raw == {"Code": " A ", "Title": "Loaf", "Grams": "500", "Skip": "x"}
    assert (second.sku, second.name, second.data) == ("B", "B", {})
    assert third is None


def test_filling_a_field_never_lowers_the_score():
    """The score is a stand-in, but it must reward what the recommendations ask for."""
    fields = [{"name": "grain", "required": True}, {"name": "description", "required": False}]
    steps = [{}, {"grain": "rye"}, {"grain": "rye", "description": "Dark rye loaf, baked slowly. " * 8}]

    totals = [score_product("Dark rye", data, fields).total for data in steps]

    assert totals == sorted(totals)
    assert totals[-1] == 100
    assert score_product("Dark rye", steps[-1], fields).recommendations == []
