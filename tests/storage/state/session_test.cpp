#include "fixture.hpp"
#include "storage/command/own_commands.hpp"
#include "storage/state/store_impl.hpp"

using namespace actord;
using namespace actord::test;

namespace {

constexpr std::string_view a_id = "adf4238a-882b-9ddc-4a9d-5b6758e4159e", b_id = "bdf4238a-882b-9ddc-4a9d-5b6758e4159e";

session_record session_of(std::string_view id, std::string node = "n1") {
  session_record s;
  s.id = id;
  s.node = std::move(node);
  s.lock_delay = std::chrono::seconds(15);
  s.behavior = session_behavior_release;
  return s;
}

struct session_fixture : store_fixture {
  session_fixture() { put(node_only("n1")); }
  apply_result create(session_record s) { return run(encode_command(command_kind::session, session_request{"dc1", "create", std::move(s), ""})); }
  apply_result destroy(std::string_view id) { return run(encode_command(command_kind::session, session_request{"dc1", "destroy", session_of(id), ""})); }
  apply_result lock(std::string_view key, std::string_view session, std::string_view value = "v") { return run(encode_kv_command(kv_lock, key, value, 0, 0, session)); }
  apply_result unlock(std::string_view key, std::string_view session) { return run(encode_kv_command(kv_unlock, key, "u", 0, 0, session)); }
  void check(std::string id, std::string status) {
    auto r = node_only("n1");
    r.check = check_of("n1", std::move(id), "", std::move(status));
    put(r);
  }
  bool alive(std::string_view id) {
    query_meta m;
    auto s = reading->open().session(id, m);
    return s.ok() && s->has_value();
  }
};

} // namespace

TEST_CASE_FIXTURE(session_fixture, "a session needs its node and its checks, none of them critical") {
  CHECK(create(session_of(a_id, "other")).failure.text == "Missing node registration");
  auto s = session_of(a_id);
  s.node_checks = {"serfHealth"};
  CHECK(create(s).failure.text == "Missing check 'serfHealth' registration");
  check("serfHealth", "critical");
  CHECK(create(s).failure.text == "Check 'serfHealth' is in critical state");
  check("serfHealth", "warning");
  auto at = create(s).index;
  query_meta m;
  auto all = reading->open().sessions("N1", m);
  REQUIRE(all.size() == 1);
  CHECK(all[0].create_index == at);
  CHECK(m.index == at);
  CHECK(touched(topic_kind::sessions));
  reopen();
  CHECK(alive(a_id));
}

TEST_CASE_FIXTURE(session_fixture, "ids are told apart by Consul's words, and by their bits only") {
  CHECK(destroy("x").failure.text == "failed session lookup: index error: UUID must be 36 characters");
  CHECK(destroy("zdf4238a-882b-9ddc-4a9d-5b6758e4159e").failure.text == "failed session lookup: index error: Invalid UUID: encoding/hex: invalid byte: U+007A 'z'");
  CHECK(destroy(b_id).failure.code == errc::none);
  create(session_of(a_id));
  CHECK(destroy("ADF4238A-882B-9DDC-4A9D-5B6758E4159E").failure.code == errc::none);
  CHECK_FALSE(alive(a_id));
}

TEST_CASE_FIXTURE(session_fixture, "a lock counts its new holders, and only the holder unlocks") {
  create(session_of(a_id));
  create(session_of(b_id));
  CHECK(lock("k", a_id).value);
  CHECK(get("k")->lock_index == 1);
  CHECK(lock("k", a_id, "other").value);
  CHECK(get("k")->lock_index == 1);
  CHECK(get("k")->value == "other");
  CHECK_FALSE(lock("k", b_id).value);
  CHECK_FALSE(unlock("k", b_id).value);
  CHECK(unlock("k", a_id).value);
  CHECK(get("k")->session.empty());
  CHECK(get("k")->value == "u");
  CHECK(lock("k", b_id).value);
  CHECK(get("k")->lock_index == 2);
  kv(kv_set, "k", "plain");
  CHECK(get("k")->session == b_id);
  CHECK(get("k")->lock_index == 0);
}

TEST_CASE_FIXTURE(session_fixture, "the end of a session frees its keys, or deletes them, and delays the next lock") {
  auto s = session_of(b_id);
  s.behavior = session_behavior_delete;
  s.lock_delay = std::chrono::minutes(5); // no longer than one minute
  create(session_of(a_id));
  create(s);
  lock("a/1", a_id, "1");
  lock("a/2", a_id, "2");
  unlock("a/2", a_id);
  lock("b", b_id);
  auto at = destroy(a_id).index;
  CHECK(get("a/1")->session.empty());
  CHECK(get("a/1")->value == "1");
  CHECK(get("a/1")->lock_index == 1);
  CHECK(get("a/1")->modify_index == at);
  REQUIRE(changes.released.size() == 1);
  CHECK(changes.released[0].key == "a/1");
  CHECK(touched(topic_kind::kv_key, "a/1"));
  destroy(b_id);
  CHECK_FALSE(get("b"));
  REQUIRE(changes.released.size() == 1);
  CHECK(changes.released[0].delay == std::chrono::minutes(1));
}

TEST_CASE_FIXTURE(session_fixture, "a deleted key is forgotten by its holder") {
  create(session_of(a_id));
  lock("t/1", a_id);
  lock("t/2", a_id);
  kv(kv_delete, "t/1");
  kv(kv_delete_tree, "t/");
  kv(kv_set, "t/1", "new");
  auto at = get("t/1")->modify_index;
  destroy(a_id);
  CHECK(get("t/1")->modify_index == at);
  CHECK(changes.released.empty());
}

TEST_CASE_FIXTURE(session_fixture, "a session ends with its node, and when any of its checks is critical or gone") {
  check("c", "passing");
  auto s = session_of(a_id);
  auto with = [&](auto&& f) {
    check("c", "passing");
    auto x = session_of(a_id);
    f(x);
    REQUIRE(create(x).failure.code == errc::none);
  };
  with([](auto& x) { x.node_checks = {"c"}; });
  check("c", "warning");
  CHECK(alive(a_id));
  check("c", "critical");
  CHECK_FALSE(alive(a_id));
  with([](auto& x) { x.checks = {"C"}; });
  drop("n1", "", "c");
  CHECK_FALSE(alive(a_id));
  with([](auto& x) { x.service_checks = {{"c", ""}}; });
  lock("k", a_id);
  drop("n1");
  CHECK_FALSE(alive(a_id));
  CHECK(get("k")->session.empty());
}

TEST_CASE_FIXTURE(session_fixture, "a transaction locks and unlocks, and a refused one leaves nothing behind") {
  create(session_of(a_id));
  create(session_of(b_id));
  lock("held", b_id);
  auto txn = [&](std::vector<txn_kv_op> ops) {
    txn_request r;
    for (auto& op : ops) r.ops.emplace_back().kv = op;
    return run(encode_command(command_kind::txn, r));
  };
  kv_entry free, held;
  free.key = "free";
  free.session = a_id;
  held = free;
  held.key = "held";
  auto refused = txn({{"lock", free}, {"lock", held}});
  REQUIRE(refused.txn->errors.size() == 1);
  CHECK(refused.txn->errors[0].what == "failed to lock key \"held\", lock is already held");
  CHECK_FALSE(get("free"));
  auto done = txn({{"lock", free}, {"check-session", free}, {"unlock", free}});
  CHECK(done.txn->errors.empty());
  CHECK(get("free")->session.empty());
  CHECK(get("free")->lock_index == 1);
  destroy(a_id);
  CHECK(changes.released.empty());
}

TEST_CASE("a delayed key can be locked when its time is over; its record goes when that is written") {
  using std::chrono::seconds;
  lock_delays d;
  const auto t0 = lock_delays::clock::time_point(std::chrono::hours(1));
  CHECK_FALSE(d.any());
  d.note({{"k", seconds(15)}, {"l", seconds(5)}}, 7, t0);
  CHECK(d.any());
  CHECK(d.delayed("k", t0 + seconds(14)));
  CHECK_FALSE(d.delayed("other", t0));
  CHECK_FALSE(d.delayed("k", t0 + seconds(15)));
  auto over = d.over(t0 + seconds(14), 10);
  REQUIRE(over.size() == 1);
  CHECK(over[0].key == "l");
  CHECK(over[0].index == 7);
  CHECK(d.over(t0 + seconds(15), 1).size() == 1);
  d.note({{"l", {}}}, 8, t0 + seconds(14));
  CHECK(d.over(t0 + seconds(14), 10).empty());
  d.note({{"k", seconds(15)}}, 9, t0 + seconds(14));
  CHECK(d.delayed("k", t0 + seconds(28)));
  CHECK(d.over(t0 + seconds(29), 10)[0].index == 9);
  d.note({{"k", {}}}, 10, t0 + seconds(29));
  CHECK_FALSE(d.any());
}

TEST_CASE("what a start found counts from the start, what was counting goes on") {
  using std::chrono::seconds;
  lock_delays d;
  const auto t0 = lock_delays::clock::time_point(std::chrono::hours(1));
  d.found({{"k", seconds(15), 7}});
  CHECK(d.any());
  CHECK(d.delayed("k", t0 + seconds(1000))); // the clock is not known yet
  CHECK(d.over(t0 + seconds(1000), 10).empty());
  d.begin(t0);
  CHECK(d.delayed("k", t0 + seconds(14)));
  d.begin(t0 + seconds(14));
  CHECK_FALSE(d.delayed("k", t0 + seconds(15)));
  // Another database takes the place: the same end goes on, a later one and a new one begin, what is gone is gone.
  d.note({{"l", seconds(15)}, {"m", seconds(15)}}, 8, t0);
  d.found({{"k", seconds(15), 7}, {"l", seconds(15), 9}, {"n", seconds(15), 9}});
  CHECK_FALSE(d.delayed("k", t0 + seconds(15)));
  CHECK_FALSE(d.delayed("m", t0));
  d.begin(t0 + seconds(10));
  for (auto key : {"l", "n"}) {
    CHECK(d.delayed(key, t0 + seconds(24)));
    CHECK_FALSE(d.delayed(key, t0 + seconds(25)));
  }
}

TEST_CASE_FIXTURE(session_fixture, "a lock delay is part of the state: it survives a restart and comes with a snapshot, until it is lifted") {
  create(session_of(a_id));
  create(session_of(b_id));
  for (auto key : {"k", "l", "m"}) lock(key, a_id);
  const auto ended = destroy(a_id).index;
  const auto waiting = [](state_store& s) {
    auto& db = *s.internals().db;
    auto txn = lmdb::transaction::read(*db.env);
    std::string out;
    for (auto& r : state::all_lock_delays(txn, db.t)) out += r.key + "@" + std::to_string(r.index) + " ";
    return out;
  };
  const auto all = "k@" + std::to_string(ended) + " l@" + std::to_string(ended) + " m@" + std::to_string(ended) + " ";
  CHECK(waiting(*store) == all);
  reopen();
  CHECK(waiting(*store) == all);
  const auto t0 = lock_delays::clock::now();
  store->delays().begin(t0);
  CHECK(store->delays().delayed("k", t0 + std::chrono::seconds(14)));
  CHECK_FALSE(store->delays().delayed("k", t0 + std::chrono::seconds(15)));
  // Another server that starts with a snapshot of this one knows it, too.
  REQUIRE(store->write_snapshot().ok());
  scratch_folder other;
  auto follower = open_store(other.path + "/state");
  std::filesystem::copy_file(store->snapshot_path(), other.path + "/arrived");
  REQUIRE(follower->install_snapshot(other.path + "/arrived").ok());
  CHECK(waiting(*follower) == all);
  follower->delays().begin(t0);
  CHECK(follower->delays().delayed("m", t0 + std::chrono::seconds(14)));
  // Who locks the key ends it. The leader ends it when its time is over, unless it is another one by then.
  CHECK(lock("k", b_id).value);
  REQUIRE(changes.released.size() == 1);
  CHECK(changes.released[0].delay.count() == 0);
  lock_delay_request over;
  over.ended.push_back({"l", ended});
  over.ended.push_back({"m", ended - 1});
  over.ended.push_back({"none", ended});
  CHECK(run(encode_command(lock_delay_reap, over)).failure.code == errc::none);
  CHECK(waiting(*store) == "m@" + std::to_string(ended) + " ");
}

TEST_CASE_FIXTURE(session_fixture, "a check that a session names in many ways is one check") {
  check("up", "passing");
  auto s = session_of(a_id);
  s.node_checks = {"up", "UP", "up", "Up"};
  s.service_checks.resize(2);
  s.service_checks[0].id = "uP";
  s.service_checks[1].id = "gone";
  CHECK(create(s).failure.text == "Missing check 'gone' registration");
  s.service_checks.pop_back();
  CHECK(create(s).failure.text == "");
  check("up", "critical");
  CHECK_FALSE(alive(a_id));
  CHECK(create(s).failure.text == "Check 'up' is in critical state");
}
