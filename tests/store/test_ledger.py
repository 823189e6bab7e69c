"""The tree and its proofs against the vectors of Certificate Transparency and recursions straight from the RFC."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckr_es.store.ledger import Tree, consistency, continued, included, inclusion, root, runs

INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [sha256(b"\x00" + bytes.fromhex(entry)).digest() for entry in INPUTS]


@pytest.mark.parametrize("size", range(1, 9))
def test_the_root_is_that_of_the_known_vectors(size: int) -> None:
    assert root(LEAVES[:size]).hex() == ROOTS[size - 1]


def test_the_root_of_an_empty_log_is_the_hash_of_nothing() -> None:
    assert root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def by_the_rfc(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + by_the_rfc(leaves[:split]) + by_the_rfc(leaves[split:])).digest()


def test_every_size_agrees_with_the_recursion_of_the_rfc() -> None:
    leaves = [sha256(bytes([n])).digest() for n in range(130)]
    for size in range(1, len(leaves) + 1):
        assert root(iter(leaves[:size])) == by_the_rfc(leaves[:size])


def path(index: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 9162, section 2.1.3.1."""
    if len(leaves) == 1:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if index < split:
        return [*path(index, leaves[:split]), by_the_rfc(leaves[split:])]
    return [*path(index - split, leaves[split:]), by_the_rfc(leaves[:split])]


def subproof(old: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    """RFC 9162, section 2.1.4.1."""
    if old == len(leaves):
        return [] if whole else [by_the_rfc(leaves)]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if old <= split:
        return [*subproof(old, leaves[:split], whole), by_the_rfc(leaves[split:])]
    return [*subproof(old - split, leaves[split:], False), by_the_rfc(leaves[:split])]


MANY = [sha256(n.to_bytes(4)).digest() for n in range(1100)]
LEVELS = {8: [by_the_rfc(MANY[n : n + 256]) for n in range(0, 1024, 256)]}


def kept(begin: int, end: int) -> bytes:
    """The hash of a range from kept nodes and leaves, as the database is asked for it."""
    tree = Tree()
    for run in runs(begin, end):
        for hash in (MANY if run.height == 0 else LEVELS[run.height])[run.first : run.after]:
            tree.add(hash, run.height)
    assert tree.size == end - begin
    return tree.root()


sizes = st.integers(1, len(MANY))


@given(sizes.flatmap(lambda size: st.tuples(st.integers(0, size - 1), st.just(size))))
def test_an_inclusion_proof_is_the_rfcs_and_proves_that_leaf_and_no_other(asked: tuple[int, int]) -> None:
    index, size = asked
    proof = [kept(*range) for range in inclusion(index, size)]
    assert proof == path(index, MANY[:size])
    top = by_the_rfc(MANY[:size])
    assert included(MANY[index], index, size, proof, top)
    assert not included(LEAVES[0], index, size, proof, top)
    assert not included(MANY[index], index + 1, size, proof, top)
    assert not included(MANY[index], index, size, proof, LEAVES[0])
    assert not included(MANY[index], index, size, [*proof, top], top)
    assert not proof or not included(MANY[index], index, size, proof[:-1], top)


@given(sizes.flatmap(lambda new: st.tuples(st.integers(1, new), st.just(new))))
def test_a_consistency_proof_is_the_rfcs_and_proves_those_two_roots_and_no_others(
    asked: tuple[int, int],
) -> None:
    old, new = asked
    proof = [kept(*range) for range in consistency(old, new)]
    assert proof == subproof(old, MANY[:new], True)
    before, after = by_the_rfc(MANY[:old]), by_the_rfc(MANY[:new])
    assert continued(old, new, proof, before, after)
    assert not continued(old, new, proof, LEAVES[0], after)
    assert not continued(old, new, proof, before, LEAVES[0])
    assert not continued(old, new, [*proof, after], before, after)
    assert not proof or not continued(old, new, proof[:-1], before, after)


def test_everything_begins_with_the_empty_log() -> None:
    assert consistency(0, 7) == []
    assert continued(0, 7, [], root([]), ROOTS_7 := bytes.fromhex(ROOTS[6]))
    assert not continued(7, 0, [], ROOTS_7, root([]))


@given(st.integers(1, 2**33).flatmap(lambda size: st.tuples(st.integers(0, size - 1), st.just(size))))
def test_a_proof_of_any_size_reads_few_rows(asked: tuple[int, int]) -> None:
    index, size = asked
    for path in (inclusion(index, size), consistency(index, size)):
        rows: dict[int, int] = {}
        for range in path:
            for run in runs(*range):
                assert (run.first << run.height) >= range[0]
                rows[run.height] = rows.get(run.height, 0) + run.after - run.first
        assert all(n <= 2 * 256 for height, n in rows.items() if height < 24)
