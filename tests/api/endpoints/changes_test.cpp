// What endpoints do with a change before it is proposed, and what they make of its outcome.
#include "api/endpoints/carry_out.hpp"
#include "api/endpoints/table.hpp"
#include "storage/command/table.hpp"
#include <doctest/doctest.h>

using namespace actord;
namespace ep = actord::endpoints;

namespace {

constexpr const char* fresh = "11111111-1111-1111-1111-111111111111";

struct nobody final : ep::authorizer {
  mutable size_t asked = 0;
  bool allows(ep::access, ep::resource, std::string_view) const override { return ++asked, false; }
};

ep::draft draft_for(const ep::authorizer& who) {
  return {who, "dc1", std::chrono::seconds(10), [] { return result<std::string>(fresh); }};
}

// Arguments of which nothing is wrong.
template <class Args> Args some_arguments() {
  Args a;
  a.datacenter = "dc1";
  if constexpr (requires { a.address; }) a.address = "10.0.0.1";
  if constexpr (requires { a.node; }) a.node = "n";
  if constexpr (requires { a.entry; }) a.op = kv_set, a.entry.key = "k";
  if constexpr (requires { a.session.node; }) a.op = session_create, a.session.node = "n";
  if constexpr (requires { a.session_id; }) a.session_id = fresh;
  if constexpr (requires { a.query; }) {
    a.op = query_create;
    a.query.emplace().name = "q";
    a.query->service.service = "web";
  }
  if constexpr (requires { a.ops; }) {
    auto& kv = a.ops.emplace_back().kv.emplace();
    kv.verb = kv_set;
    kv.entry.key = "k";
  }
  return a;
}

struct outcome {
  std::string refused, command;
  bool answered = false;
};
template <class Endpoint> outcome propose(const Endpoint& e, typename Endpoint::arguments args, const ep::authorizer& who = ep::everything_allowed()) {
  auto d = draft_for(who);
  typename Endpoint::answer answer{};
  auto command = ep::command_of(e, args, d, answer);
  return {command ? "" : command.err().text, command ? *command : "", d.answered};
}

// The record of a command, read back.
template <class Record> Record record_in(const outcome& o) {
  Record r;
  REQUIRE(o.refused == "");
  REQUIRE(o.command.size() > 1);
  REQUIRE(from_msgpack(std::string_view(o.command).substr(1), r));
  return r;
}

} // namespace

TEST_CASE("every change becomes a command of its kind, which the table of commands knows") {
  ep::changes::each([]<const auto& E>() {
    CAPTURE(E.name);
    const auto made = propose(E, some_arguments<typename std::remove_cvref_t<decltype(E)>::arguments>());
    CHECK(made.refused == "");
    REQUIRE(!made.command.empty());
    CHECK(static_cast<command_kind>(made.command[0]) == E.command);
    CHECK(with_row_of(E.command, [&](const auto& row) {
      record_of<decltype(row)> r;
      CHECK(from_msgpack(std::string_view(made.command).substr(1), r));
    }));
  });
}

TEST_CASE("every change asks whether it may, and whom nothing is allowed proposes nothing") {
  ep::changes::each([]<const auto& E>() {
    CAPTURE(E.name);
    nobody who;
    const auto made = propose(E, some_arguments<typename std::remove_cvref_t<decltype(E)>::arguments>(), who);
    CHECK(made.refused == "Permission denied");
    CHECK(who.asked > 0);
  });
}

TEST_CASE("what is wrong with a change is said in Consul's words before it is proposed") {
  CHECK(propose(ep::kv::apply, {"dc1", std::string(kv_set), {}, ""}).refused == "Must provide key");
  CHECK(propose(ep::kv::apply, {"dc1", std::string(kv_delete_tree), {}, ""}).refused == "");
  CHECK(propose(ep::catalog::register_node, {}).refused == "Must provide node");
  CHECK(propose(ep::catalog::deregister, {}).refused == "Must provide node");
  session_request s;
  CHECK(propose(ep::session::apply, s).refused == "Must provide ID");
  s.op = session_create;
  CHECK(propose(ep::session::apply, s).refused == "Must provide Node");
  s.session.node = "n";
  s.session.ttl = "5s";
  CHECK(propose(ep::session::apply, s).refused.starts_with("Invalid Session TTL '5000000000'"));
  query_request q;
  q.op = "burn";
  CHECK(propose(ep::query::apply, q).refused == "Unknown prepared query operation: burn");
  q.op = query_create;
  CHECK(propose(ep::query::apply, q).refused.starts_with("Invalid prepared query: "));
  q.query.emplace().id = fresh;
  CHECK(propose(ep::query::apply, q).refused == "ID must be empty when creating a new prepared query");
}

TEST_CASE("the server chooses ids, and keeps that of what is changed") {
  auto s = some_arguments<session_request>();
  s.session.id = "mine";
  CHECK(record_in<session_request>(propose(ep::session::apply, s)).session.id == fresh);
  s.op = session_destroy;
  CHECK(record_in<session_request>(propose(ep::session::apply, s)).session.id == "mine");
  auto q = some_arguments<query_request>();
  CHECK(record_in<query_request>(propose(ep::query::apply, q)).query->id == fresh);
  q.op = query_update;
  q.query->id = "mine";
  CHECK(record_in<query_request>(propose(ep::query::apply, q)).query->id == "mine");
}

TEST_CASE("a key's command says all that its request did") {
  kv_request r;
  r.datacenter = "dc1";
  r.op = kv_cas;
  r.entry.key = "a/b";
  r.entry.value = "v";
  r.entry.flags = 7;
  r.entry.session = "s";
  r.entry.modify_index = 9;
  CHECK(record_in<kv_request>(propose(ep::kv::apply, r)).entry == r.entry);
  r.entry.lock_index = 3;
  r.token = "t";
  const auto whole = record_in<kv_request>(propose(ep::kv::apply, r));
  CHECK(whole.entry == r.entry);
  CHECK(whole.op == kv_cas);
  CHECK(whole.token == "t");
}

TEST_CASE("a transaction that cannot be is answered at once") {
  txn_request t;
  t.ops.emplace_back().kv.emplace().verb = kv_set;
  const auto made = propose(ep::txn::apply, t);
  CHECK(made.answered);
  CHECK(made.command == "");
}

TEST_CASE("only an operation with a condition says whether it was done") {
  for (auto op : {kv_set, kv_delete, kv_delete_tree}) CHECK_FALSE(ep::kv::apply.conditional({"", std::string(op), {}, ""}));
  for (auto op : {kv_cas, kv_delete_cas, kv_lock, kv_unlock}) CHECK(ep::kv::apply.conditional({"", std::string(op), {}, ""}));
}

TEST_CASE("a renewal tells the session, or that there is none") {
  apply_result r;
  session_record s;
  s.id = fresh;
  r.body = to_msgpack(s);
  r.index = 5;
  rpc::sessions_reply found, none;
  CHECK(ep::session::renew.tell(r, found).ok());
  REQUIRE(found.sessions.size() == 1);
  CHECK(found.sessions.front().id == fresh);
  CHECK(found.meta.index == 5);
  r.value = false;
  CHECK(ep::session::renew.tell(r, none).ok());
  CHECK(none.sessions.empty());
  r.value = true;
  r.body = "\xc1";
  CHECK_FALSE(ep::session::renew.tell(r, none).ok());
}
