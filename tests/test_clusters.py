import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import CatalogError
from catalog.labels.clusters import (
    SPLITS,
    assert_no_leak,
    assign_splits,
    gtin_key,
    look_alike_clusters,
    split_shares,
    stable_hash,
    stable_names,
    title_key,
)
from catalog.values.gtin import read_gtin

SCHEMA = dict.fromkeys(["vendor", "item_id", "gtin", "product_id", "title", "image_hash"], pl.String)


def items(*rows: dict) -> pl.DataFrame:
    blank = dict.fromkeys(SCHEMA)
    return pl.DataFrame(
        [{**blank, "vendor": "v", "item_id": str(n), "title": f"item {n}", **row} for n, row in enumerate(rows)],
        schema=SCHEMA,
    )


def test_each_key_joins_and_joins_carry_on():
    found = look_alike_clusters(
        items(
            {"gtin": "4006381333931", "title": "Pen blue"},
            {"gtin": "04006381333931", "title": "Stabilo pen", "vendor": "w"},  # same GTIN in 14 digits
            {"title": "STABILO  pen!", "product_id": "p"},  # same title key as the second
            {"title": "Other", "product_id": "p", "image_hash": "h"},  # same variant parent as the third
            {"title": "Picture twin", "image_hash": "h"},
            {"title": "Alone", "product_id": "p", "vendor": "w"},  # another vendor's p
        )
    )
    assert found[:5].n_unique() == 1
    assert found[5] != found[0]


def test_what_nights_found_alike_holds_together_and_keeps_its_name():
    frame = items({"title": "Oak desk lamp"}, {"title": "Oak desk light"}, {"title": "Mug"}, {"title": "Oak desk lamp"})
    apart = look_alike_clusters(frame)
    found = look_alike_clusters(frame.with_columns(look_alikes=pl.Series(["n1", "n1", None, None])))
    assert found[0] == found[1] == found[3] and found[2] == apart[2] and found[0] in set(apart)


def test_sizes_are_look_alikes_and_part_numbers_are_not():
    keys = pl.DataFrame(
        {"title": ["Nike Air Max, size 42", "NIKE air max size 43", "Part 4711", "Part 4712", " -- ", None]}
    )
    found = keys.select(title_key()).to_series()
    assert found[0] == found[1]
    assert found[2] != found[3]
    assert found[4:].to_list() == [None, None]


def test_gtin_is_checked():
    delivered = pl.Series(["4006381333931", "4006381333932", "0000000000000", "96385074", "x", None, "2012345678903"])
    pen, wrong, zeros, short, text, empty, of_a_shop = gtin_key(delivered)
    assert (pen, short) == ("04006381333931", "00000096385074")
    assert wrong is zeros is text is empty is of_a_shop is None


@given(st.integers(0, 10**14 - 1), st.sampled_from([8, 12, 13, 14]))
def test_a_gtin_is_one_key_however_many_zeros_stand_before_it(number: int, length: int) -> None:
    """The key is what the item's GTIN is, padded; padding the code before it is read makes no difference."""
    body = f"{number % 10 ** (length - 1):0{length - 1}d}"
    code = next(
        body + check for check in "0123456789" if read_gtin(body + check).flag != "gtin_invalid" or not int(body)
    )
    spelled = pl.Series([code.zfill(zeros) for zeros in (8, 12, 13, 14) if zeros >= length])
    read = read_gtin(code).digits
    assert set(gtin_key(spelled)) == {read.zfill(14) if read else None}


def test_placeholder_pictures_empty_titles_and_stock_gtins_glue_nothing():
    titles = ["alpha", "beta", "gamma", "delta", "eta", "theta", "iota", "kappa", "mu", "nu", "xi", "pi"]
    same = items(*({"image_hash": "none.png", "gtin": "4006381333931", "title": f"{t} thing"} for t in titles))
    assert look_alike_clusters(same).n_unique() == len(titles)
    assert look_alike_clusters(items(*({"title": ""} for _ in range(5)))).n_unique() == 5


def test_long_chains_are_one_cluster():
    rows = [{"title": f"chain of letters {chr(97 + n // 26)}{chr(97 + n % 26)}"} for n in range(400)]
    for n, row in enumerate(rows):
        row["product_id"] = f"p{n // 2}"
        row["image_hash"] = f"i{(n + 1) // 2}"
    assert look_alike_clusters(items(*rows)).n_unique() == 1


@given(st.permutations(range(8)))
def test_names_do_not_depend_on_the_order(order):
    frame = items(*({"title": f"product {n // 2} word"} for n in range(8)))
    shuffled = frame[list(order)]
    found = dict(zip(shuffled["item_id"], look_alike_clusters(shuffled), strict=True))
    assert found == dict(zip(frame["item_id"], look_alike_clusters(frame), strict=True))


def test_a_further_item_with_a_known_title_renames_nothing():
    frame = items({"title": "red shoe"}, {"title": "blue hat"}, {"title": "red shoe"})
    more = pl.concat([frame, items({"title": "Red shoe", "item_id": "x", "gtin": "4006381333931"})])
    assert look_alike_clusters(more)[:3].to_list() == look_alike_clusters(frame).to_list()


def test_splits_follow_their_shares_and_hold_clusters_together():
    clusters = pl.Series([f"c{n // 2}" for n in range(40_000)])
    split = assign_splits(clusters, pl.Series([True] * 40_000), seed=1)
    for name, share in split_shares(len(set(clusters)), len(set(clusters))).items():
        assert (split == name).mean() == pytest.approx(share, abs=0.01)
    assert pl.DataFrame({"c": clusters, "s": split}).group_by("c").agg(pl.col("s").n_unique())["s"].max() == 1
    assert not split.equals(assign_splits(clusters, pl.Series([True] * 40_000), seed=2))
    assert_no_leak(clusters, split)


def test_chosen_labels_never_are_evidence():
    clusters = pl.Series([f"c{n // 2}" for n in range(8000)])
    random = pl.Series([n % 2 == 0 and n < 4000 for n in range(8000)])  # half of the clusters: one random, one chosen
    frame = pl.DataFrame({"c": clusters, "random": random, "split": assign_splits(clusters, random, seed=0)})
    evidence = frame.filter(pl.col("split").is_in(["temperature", "calibration"]))
    assert evidence["random"].all() and len(evidence) > 300
    excluded = frame.filter(pl.col("split") == "excluded")
    assert set(excluded["c"]) == set(evidence["c"])
    assert frame[4000:].filter(pl.col("split").is_in(["train", "early_stopping"])).height == 4000
    assert_no_leak(frame["c"], frame["split"])


def test_without_random_labels_there_is_a_temperature_but_no_calibration():
    clusters = pl.Series([f"c{n}" for n in range(2000)])
    split = assign_splits(clusters, pl.Series([False] * 2000), seed=0)
    assert set(split) == {"train", "early_stopping", "temperature"}


def test_a_planted_leak_is_refused():
    with pytest.raises(CatalogError, match="stand both in what the model learned from"):
        assert_no_leak(pl.Series(["a", "a", "b"]), pl.Series(["train", "calibration", "train"]))
    assert_no_leak(pl.Series(["a", "a", "b"]), pl.Series(["train", "excluded", "early_stopping"]))


def test_what_enough_products_leave_over_is_used_elsewhere():
    assert split_shares(1000, 1000) == pytest.approx(SPLITS)
    assert split_shares(10_000, 10_000) == pytest.approx(
        {"train": 0.70, "early_stopping": 0.05, "temperature": 0.05, "calibration": 0.20}
    )
    assert split_shares(50_000, 50_000) == pytest.approx(
        {"train": 0.83, "early_stopping": 0.01, "temperature": 0.01, "calibration": 0.15}
    )
    few = split_shares(100_000, 1000)  # few of them may certify: their shares stay
    assert few["temperature"] == 0.07 and few["calibration"] == pytest.approx(0.225)
    for products in (1, 10, 7000, 30_000, 1_000_000):
        shares = split_shares(products, products)
        assert sum(shares.values()) == pytest.approx(1.0)
        assert shares["train"] >= 0.70 - 1e-12 and shares["calibration"] >= 0.15


def test_hashes_are_pinned_so_that_splits_outlive_upgrades():
    assert stable_hash(["a", "b"], "salt").tolist() == [1664619649693701990, 11886332175391463933]
    assert stable_names(["a", "b"], "salt").to_list() == ["1719eac07a20d766", "a4f4bc23148119fd"]
    assert look_alike_clusters(items({"title": "Red shoe"}))[0] == "254d7559130fea9a"
    split = assign_splits(pl.Series(["c0", "c1", "c2"]), pl.Series([True] * 3), seed=7)
    assert split.to_list() == ["train", "calibration", "temperature"]
