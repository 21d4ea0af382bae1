#include "actors/session/session_actor.hpp"
#include "actors/state/watch_actor.hpp"
#include "runtime/base/msgpack_codec.hpp"
#include "storage/command/commands.hpp"
#include "storage/model/catalog.hpp"
#include "storage/model/session.hpp"
#include "tests/support/failing_state.hpp"
#include "tests/support/state_cast.hpp"

using namespace actord;
using namespace std::chrono_literals;

namespace {

const std::string a_id = "adf4238a-882b-9ddc-4a9d-5b6758e4159e", b_id = "bdf4238a-882b-9ddc-4a9d-5b6758e4159e";

struct sessions : test::state_cast {
  leader_desk desk{*store};
  session_handle actor;

  sessions() {
    watch = spawn_watch_actor(*system, status);
    actor = spawn_session_actor(*system, {caf::actor_cast<leader_line>(router), watch, store.get(), status, "dc1"});
    desk.take(actor);
    register_request r;
    r.node = "n1";
    r.address = "10.0.0.1";
    apply(encode_command(command_kind::catalog_register, r));
  }
  ~sessions() {
    desk.take({});
    end(actor);
    end(watch);
  }
  void create(const std::string& id, std::string ttl, nanos delay = 0s) {
    session_request r;
    r.op = session_create;
    r.session.id = id;
    r.session.node = "n1";
    r.session.ttl = std::move(ttl);
    r.session.lock_delay = delay;
    REQUIRE(apply(encode_command(command_kind::session, r)).failure.code == errc::none);
  }
  bool alive(const std::string& id) {
    reader reading(*store);
    query_meta ignored;
    auto found = reading.open().session(id, ignored);
    return found.ok() && found->has_value();
  }
  apply_result ask(const std::string& command, bool current = true) {
    apply_result out;
    how = desk.answer(command, jobs->clock().now(), current, out);
    answered = how == own_answer::given;
    return out;
  }
  void destroy(const std::string& id) {
    session_request r;
    r.op = session_destroy;
    r.session.id = id;
    apply(encode_command(command_kind::session, r));
  }
  bool answered = false;
  own_answer how = own_answer::none;
};

} // namespace

TEST_CASE_FIXTURE(sessions, "the leader ends a session after twice its TTL unless it is renewed") {
  status->leader = true;
  create(a_id, "10s");
  create(b_id, "10s");
  run(15s);
  auto renewed = ask(encode_command(command_kind::session_renew, session_renewal{a_id}));
  CHECK(answered);
  CHECK(renewed.value);
  session_record s;
  REQUIRE(from_msgpack(renewed.body, s));
  CHECK(s.ttl == "10s");
  run(4s);
  CHECK(alive(b_id));
  run(2s);
  CHECK_FALSE(alive(b_id));
  CHECK(alive(a_id));
  CHECK(proposed.size() == 1);
  run(15s);
  CHECK_FALSE(alive(a_id));
}

TEST_CASE_FIXTURE(sessions, "who does not lead ends nothing, and a new leader gives everybody the whole time again") {
  create(a_id, "10s");
  run(30s);
  CHECK(alive(a_id));
  status->leader = true;
  run(19s);
  CHECK(alive(a_id));
  status->leader = false;
  run(1s);
  status->leader = true;
  run(19s);
  CHECK(alive(a_id));
  run(2s);
  CHECK_FALSE(alive(a_id));
}

TEST_CASE_FIXTURE(sessions, "who leads again in a later term gives the whole time again, though it has not seen who led in between") {
  status->term = 3;
  status->leader = true;
  create(a_id, "10s");
  run(19s);
  status->term = 5;
  run(19s);
  CHECK(alive(a_id));
  run(2s);
  CHECK_FALSE(alive(a_id));
  CHECK(led_term == 5); // who leads then ends nothing for us
}

TEST_CASE_FIXTURE(sessions, "an end that Raft refuses is tried again") {
  status->leader = true;
  create(a_id, "10s");
  refuse = {errc::no_leader, "No cluster leader"};
  run(21s);
  CHECK(alive(a_id));
  CHECK(proposed.size() >= 1);
  refuse = {};
  run(3s);
  CHECK_FALSE(alive(a_id));
}

TEST_CASE_FIXTURE(sessions, "renewing what is not there is told with its id, and what is no id with Consul's words") {
  auto r = ask(encode_command(command_kind::session_renew, session_renewal{a_id}));
  CHECK(answered);
  CHECK_FALSE(r.value);
  CHECK(r.body == a_id);
  CHECK(ask(encode_command(command_kind::session_renew, session_renewal{"x"})).failure.text == "failed session lookup: index error: UUID must be 36 characters");
}

TEST_CASE_FIXTURE(sessions, "a key whose holder ended is refused to lockers until its delay is over") {
  create(a_id, "", 15s);
  create(b_id, "");
  const auto lock = encode_kv_command(kv_lock, "k", "v", 0, 0, b_id);
  apply(encode_kv_command(kv_lock, "k", "v", 0, 0, a_id));
  destroy(a_id);
  CHECK_FALSE(ask(lock).value);
  CHECK(answered);
  ask(encode_kv_command(kv_set, "k", "v"));
  CHECK_FALSE(answered);
  ask(encode_kv_command(kv_lock, "other", "v", 0, 0, b_id));
  CHECK_FALSE(answered);
  txn_request t;
  auto& op = t.ops.emplace_back().kv.emplace();
  op.verb = kv_lock;
  op.entry.key = "k";
  op.entry.session = b_id;
  auto refused = ask(encode_command(command_kind::txn, t));
  REQUIRE(answered);
  CHECK(refused.txn->errors[0].what == "failed to lock key \"k\" due to lock delay");
  run(15s);
  ask(lock);
  CHECK_FALSE(answered);
  CHECK(apply(lock).value);
}

TEST_CASE_FIXTURE(sessions, "a leader that has not applied what others wrote says nothing of locks and renewals yet") {
  create(a_id, "");
  txn_request t;
  auto& op = t.ops.emplace_back().kv.emplace();
  op.verb = kv_lock;
  op.entry.key = "k";
  for (auto& command : {encode_kv_command(kv_lock, "k", "v", 0, 0, a_id), encode_command(command_kind::txn, t),
                        encode_command(command_kind::session_renew, session_renewal{a_id})}) {
    ask(command, false);
    CHECK(how == own_answer::later);
  }
  op.verb = kv_set;
  for (auto& command : {encode_kv_command(kv_set, "k", "v"), encode_command(command_kind::txn, t)}) {
    ask(command, false);
    CHECK(how == own_answer::none);
  }
}

TEST_CASE_FIXTURE(sessions, "the leader, and nobody else, lets the records of delays that are over go") {
  create(a_id, "", 15s);
  apply(encode_kv_command(kv_lock, "k", "v", 0, 0, a_id));
  destroy(a_id);
  run(20s);
  CHECK(proposed.empty());
  CHECK(store->delays().any());
  status->leader = true;
  refuse = {errc::no_leader, "No cluster leader"};
  run(2s);
  CHECK(store->delays().any());
  refuse = {};
  run(2s);
  CHECK_FALSE(store->delays().any());
  const auto before = proposed.size();
  run(20s);
  CHECK(proposed.size() == before);
}

TEST_CASE_FIXTURE(sessions, "who renews in time keeps the session, though the leader could not read it") {
  status->leader = true;
  create(a_id, "10s");
  create(b_id, "10s");
  run(15s);
  const std::string whole = to_msgpack([&] {
    reader reading(*store);
    query_meta ignored;
    return **reading.open().session(b_id, ignored);
  }());
  test::damage(*store, &state::tables::sessions, b_id, "\xc1 no record");
  auto r = ask(encode_command(command_kind::session_renew, session_renewal{b_id}));
  CHECK(answered);
  CHECK(r.failure.code == errc::internal);
  CHECK(r.failure.text.starts_with("failed to read the state: "));
  run(6s);
  CHECK(proposed.size() == 1); // the other one's end
  test::damage(*store, &state::tables::sessions, b_id, whole);
  CHECK_FALSE(alive(a_id));
  CHECK(alive(b_id));
}

TEST_CASE_FIXTURE(sessions, "while the sessions cannot be read nobody's ends, and all are seen again afterwards") {
  status->leader = true;
  create(a_id, "10s");
  run(15s);
  const std::string whole = to_msgpack([&] {
    reader reading(*store);
    query_meta ignored;
    return **reading.open().session(a_id, ignored);
  }());
  test::damage(*store, &state::tables::sessions, a_id, "\xc1 no record");
  create(b_id, "10s"); // wakes who looks
  run(15s);
  CHECK(proposed.empty());
  test::damage(*store, &state::tables::sessions, a_id, whole);
  run(2s);
  CHECK_FALSE(alive(a_id));
  CHECK(alive(b_id));
}
