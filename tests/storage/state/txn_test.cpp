// What a transaction may answer: a few words ask for the whole state many times over, and every server finds it.
#include "tests/storage/state/fixture.hpp"
#include <doctest/doctest.h>

using namespace actord;

namespace {

txn_request of(std::initializer_list<std::pair<std::string_view, std::string_view>> ops, size_t times = 1) {
  txn_request r;
  for (size_t i = 0; i < times; ++i)
    for (auto& [verb, key] : ops) {
      auto& kv = r.ops.emplace_back().kv.emplace();
      kv.verb = verb;
      kv.entry.key = key;
      kv.entry.value = "new";
    }
  return r;
}

} // namespace

TEST_CASE_FIXTURE(test::store_fixture, "a transaction that writes and reads too much to tell is carried out, and its answer is refused") {
  const std::string value(500'000, 'v');
  for (int i = 0; i < 5; ++i) kv(kv_set, "t/" + std::to_string(i), value);
  auto fits = run(encode_command(command_kind::txn, of({{kv_get_tree, "t/"}, {kv_set, "a"}}, 20)));
  CHECK(fits.failure.code == errc::none);
  REQUIRE(fits.txn);
  CHECK(fits.txn->results.size() == 120);
  auto too_much = run(encode_command(command_kind::txn, of({{kv_get_tree, "t/"}, {kv_set, "b"}}, 40)));
  CHECK(too_much.failure.code == errc::internal);
  CHECK(too_much.failure.text == "the transaction was carried out, but what it read is too much to tell: it takes more than 64 MiB. Read less at a time");
  REQUIRE(too_much.txn);
  CHECK(too_much.txn->results.empty());
  CHECK(too_much.txn->errors.empty());
  CHECK(get("b").has_value());
  // What fails in it fails as ever, and nothing is changed.
  auto refused = of({{kv_get_tree, "t/"}, {kv_set, "c"}}, 40);
  refused.ops.push_back(of({{kv_get, "none"}}).ops.front());
  auto done = run(encode_command(command_kind::txn, refused));
  CHECK(done.failure.code == errc::none);
  REQUIRE(done.txn->errors.size() == 1);
  CHECK(done.txn->errors[0].what == "key \"none\" doesn't exist");
  CHECK(!get("c").has_value());
}

TEST_CASE_FIXTURE(test::store_fixture, "a transaction that only reads is bounded, too") {
  const std::string value(500'000, 'v');
  for (int i = 0; i < 20; ++i) kv(kv_set, "t/" + std::to_string(i), value);
  auto view = reading->open();
  CHECK(view.read_txn(of({{kv_get_tree, "t/"}}, 3)).results.size() == 60);
  auto many = view.read_txn(of({{kv_get_tree, "t/"}}, 60)); // 600 MB, and no machine's bound is more than 512 MiB
  CHECK(many.results.empty());
  REQUIRE(many.errors.size() == 1);
  CHECK(many.errors[0].what.starts_with("what the transaction reads is too much: it takes more than "));
}
