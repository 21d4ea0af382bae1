#include "fixture.hpp"

using namespace actord;
using namespace actord::test;

TEST_CASE_FIXTURE(store_fixture, "a set creates, a changed set keeps CreateIndex, an unchanged one changes nothing") {
  CHECK(kv(kv_set, "a", "1", 7).value);
  auto e = get("a");
  REQUIRE(e);
  CHECK(e->value == "1");
  CHECK(e->flags == 7);
  CHECK(e->create_index == 10);
  CHECK(e->modify_index == 10);
  CHECK(touched(topic_kind::kv_key, "a"));
  kv(kv_set, "a", "2", 7);
  e = get("a");
  CHECK(e->create_index == 10);
  CHECK(e->modify_index == 11);
  kv(kv_set, "a", "2", 7);
  CHECK(get("a")->modify_index == 11);
  CHECK(changes.topics.empty());
  CHECK(changes.index.v == 12);
  kv(kv_set, "a", "2", 8);
  CHECK(get("a")->modify_index == 13);
}

TEST_CASE_FIXTURE(store_fixture, "cas with 0 creates only and with an index replaces only that version") {
  CHECK(kv(kv_cas, "a", "1", 0, 0).value);
  CHECK_FALSE(kv(kv_cas, "a", "2", 0, 0).value);
  CHECK_FALSE(kv(kv_cas, "a", "2", 0, 9).value);
  CHECK(changes.topics.empty());
  CHECK(kv(kv_cas, "a", "2", 0, 10).value);
  CHECK_FALSE(kv(kv_cas, "b", "2", 0, 10).value);
  CHECK(get("a")->value == "2");
  CHECK_FALSE(kv(kv_delete_cas, "a", "", 0, 0).value);
  CHECK_FALSE(kv(kv_delete_cas, "a", "", 0, 10).value);
  CHECK(kv(kv_delete_cas, "absent", "", 0, 3).value);
  CHECK(kv(kv_delete_cas, "a", "", 0, get("a")->modify_index).value);
  CHECK_FALSE(get("a"));
}

TEST_CASE_FIXTURE(store_fixture, "locks are refused with Consul's words while there are no sessions") {
  auto refused = [&](std::string_view op, std::string_view session) {
    return run(encode_kv_command(op, "a", "1", 0, 0, session)).failure.text;
  };
  std::string uuid = "adf4238a-882b-9ddc-4a9d-5b6758e4159e";
  CHECK(refused(kv_lock, "") == "missing session");
  CHECK(refused(kv_lock, uuid) == "invalid session \"" + uuid + "\"");
  CHECK(refused(kv_lock, "x") == "failed session lookup: index error: UUID must be 36 characters");
  auto r = run(encode_kv_command(kv_unlock, "a", "1", 0, 0, uuid));
  CHECK(r.failure.code == errc::none);
  CHECK_FALSE(r.value);
  CHECK_FALSE(get("a"));
}

TEST_CASE_FIXTURE(store_fixture, "a deleted tree leaves one tombstone and names every key that went") {
  for (auto k : {"t/a", "t/b", "t/c/d", "u"}) kv(kv_set, k, "x");
  kv(kv_delete_tree, "t/");
  CHECK(touched(topic_kind::kv_key, "t/a"));
  CHECK(touched(topic_kind::kv_key, "t/c/d"));
  CHECK_FALSE(touched(topic_kind::kv_key, "u"));
  CHECK(changes.topics.size() == 3);
  query_meta m;
  CHECK(reading->open().kv_keys("t/", "", m).empty());
  CHECK(m.index == 14);
  kv(kv_set, "v", "x"); // 15
  m = {};
  reading->open().kv_keys("t/", "", m);
  CHECK(m.index == 14);
  run(encode_command(command_kind::tombstone_reap, tombstone_request{"dc1", "reap", 14}));
  m = {};
  reading->open().kv_keys("t/", "", m);
  CHECK(m.index == 15); // nothing is known of the prefix any more: the table's index
}

TEST_CASE_FIXTURE(store_fixture, "keys are folded at the separator after the prefix") {
  for (auto k : {"a", "a/b", "a/b/c", "a/d/e", "a/d/f", "b/x"}) kv(kv_set, k, "1");
  query_meta m;
  std::vector<topic> topics;
  m.topics = &topics;
  using list = std::vector<std::string>;
  CHECK(reading->open().kv_keys("", "/", m) == list{"a", "a/", "b/"});
  CHECK(reading->open().kv_keys("a/", "/", m) == list{"a/b", "a/b/", "a/d/"});
  CHECK(reading->open().kv_keys("a/", "", m) == list{"a/b", "a/b/c", "a/d/e", "a/d/f"});
  CHECK(topics.back() == topic{topic_kind::kv_prefix, "a/"});
}

TEST_CASE_FIXTURE(store_fixture, "garbage is refused, counted as applied and changes nothing") {
  for (std::string bytes : {"\x02", "\x02\xff\xff", "\x63", "\xff", "\x08garbage"}) {
    auto r = run(bytes);
    CHECK(r.failure.code == errc::corrupt);
    CHECK(changes.topics.empty());
  }
  CHECK(run(encode_kv_command("frob", "k", "")).failure.text == "Invalid KVS operation 'frob'");
  CHECK(run(encode_kv_command(kv_set, "", "")).failure.text == "Must provide key");
  CHECK(store->applied_index().v == next - 1);
}

TEST_CASE_FIXTURE(store_fixture, "what was applied is there after a restart") {
  kv(kv_set, "a", std::string(100000, 'x'));
  kv(kv_set, std::string(5000, 'k'), "long");
  reopen();
  CHECK(store->applied_index().v == 11);
  CHECK(get("a")->value.size() == 100000);
  CHECK(get(std::string(5000, 'k'))->value == "long");
}
