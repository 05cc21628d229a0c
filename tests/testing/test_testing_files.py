"""Which files are tests: told from their text, and found in folders."""

import pytest

from bgplab.testing.files import Look, look, yaml_files


@pytest.mark.parametrize(
    "text, seen",
    [
        ("name: a\ntopology:\n  nodes: {}\nscenario:\n- wait: converged\n", Look(True, True)),
        ("topology: {nodes: {r1: }}", Look(True, False)),
        ('"topology": {}\r\n"scenario" : []\r\n', Look(True, True)),
        ("topology:", Look(True, False)),
        ("services:\n  topology: x\n  scenario: y\n", Look(False, False)),
        ("# topology: x\ntopology:x\nscenarios: []\n", Look(False, False)),
        ("\x00\x01", Look(False, False)),
    ],
)
def test_a_topology_is_known_by_its_keys_at_the_top(tmp_path, text, seen):
    (tmp_path / "a.yaml").write_bytes(text.encode())
    assert look(tmp_path / "a.yaml") == seen


def test_what_cannot_be_read_is_no_topology(tmp_path):
    assert look(tmp_path / "absent.yaml") == Look(False, False)
    assert look(tmp_path) == Look(False, False)


def test_folders_are_searched_in_order_and_what_is_hidden_left_out(tmp_path):
    for name in ("b.yaml", "a.yml", "c.txt", "sub/d.yaml", ".hidden/e.yaml", ".f.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in yaml_files(tmp_path)]
    assert found == ["a.yml", "b.yaml", "sub/d.yaml"]
