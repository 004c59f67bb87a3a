"""How instants are read and written (sheet, section 1), and how a test moves the clock."""

import pytest

from segops_admin.emulator.clock import Clock, iso, later, parse_instant


@pytest.mark.parametrize(
    "text",
    [
        "2026-06-11T07:45:10Z",
        "2026-06-11T07:45:10+00:00",
        "2026-06-11T07:45:10.999999Z",
        "2026-06-11T09:45:10+02:00",
        "2026-06-11 07:45:10",
    ],
)
def test_every_form_of_an_instant_is_written_as_one(text):
    """Offsets, fractions and a missing zone are read; whole seconds with Z are written."""
    assert iso(parse_instant(text)) == "2026-06-11T07:45:10Z"


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "2026-06-11T25:00:00Z", "11.06.2026", "1750000000"])
def test_what_is_no_instant_is_refused(text):
    """Nothing is guessed."""
    with pytest.raises(ValueError, match=r".+"):
        parse_instant(text)


def test_later_moves_on_to_the_next_second_shown():
    """Two runs within a second must read differently on the wire."""
    assert iso(later(100.2, 100.1)) != iso(100.1)
    assert later(200.0, 100.1) == 200.0
    assert later(100.2, None) == 100.2


def test_clock_can_be_stopped_moved_and_let_go():
    """A frozen clock moves only when told."""
    clock = Clock()
    assert clock.freeze("2026-06-11T07:45:10Z") == clock.now() == clock.now()
    assert iso(clock.advance(3600)) == "2026-06-11T08:45:10Z"
    clock.reset()
    assert clock.now() > parse_instant("2026-06-11T08:45:10Z")
