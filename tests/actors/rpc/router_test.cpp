// Commands as calls to servers, and their replies as results.
#include "actors/rpc/client_router.hpp"
#include "runtime/base/msgpack_codec.hpp"
#include "storage/command/commands.hpp"
#include <doctest/doctest.h>

using namespace actord;

TEST_CASE("a set of a key is KVS.Apply in the agent's datacenter, and what servers say of it is ignored") {
  auto c = call_of_command(encode_kv_command(kv_set, "a/b", "value"), "dc1");
  CHECK(c.call.method == "KVS.Apply");
  CHECK_FALSE(c.call.reads);
  kv_request r;
  REQUIRE(from_msgpack(c.call.arguments, r));
  CHECK(r.datacenter == "dc1");
  CHECK(r.op == "set");
  CHECK(r.entry.key == "a/b");
  CHECK(r.entry.value == "value");
  CHECK(result_of_reply(c, {{}, "\xc2"}).value);
}

TEST_CASE("a conditional operation on a key has the result that servers say") {
  for (auto op : {kv_cas, kv_delete_cas, kv_lock, kv_unlock}) {
    auto c = call_of_command(encode_kv_command(op, "a", "v", 0, 5, "s"), "dc1");
    CHECK(result_of_reply(c, {{}, "\xc3"}).value);
    CHECK_FALSE(result_of_reply(c, {{}, "\xc2"}).value);
  }
}

TEST_CASE("a transaction that only reads may be asked of any server again, one that writes may not") {
  txn_request t;
  auto& op = t.ops.emplace_back();
  op.kv.emplace().verb = "get";
  op.kv->entry.key = "k";
  auto reads = call_of_command(encode_command(command_kind::txn, t), "dc1");
  CHECK(reads.call.method == "Txn.Read");
  CHECK(reads.call.reads);
  t.ops[0].kv->verb = "set";
  auto writes = call_of_command(encode_command(command_kind::txn, t), "dc1");
  CHECK(writes.call.method == "Txn.Apply");
  CHECK_FALSE(writes.call.reads);
}

TEST_CASE("a transaction's reply is its results or its errors") {
  txn_request t;
  t.ops.emplace_back().kv.emplace().verb = "set";
  auto c = call_of_command(encode_command(command_kind::txn, t), "dc1");
  std::string body;
  msgpack_writer w(body);
  w.map(2);
  w.raw("Errors"), w.array(1), w.map(2), w.raw("OpIndex"), w.number(uint64_t{3}), w.raw("What"), w.raw("no");
  w.raw("Results"), w.nil();
  auto r = result_of_reply(c, {{}, body});
  REQUIRE(r.txn);
  REQUIRE(r.txn->errors.size() == 1);
  CHECK(r.txn->errors[0].op_index == 3);
  CHECK(r.txn->errors[0].what == "no");
  CHECK(result_of_reply(c, {{}, "\xc1"}).failure.code == errc::corrupt);
}

TEST_CASE("a server's refusal is the result's failure") {
  auto c = call_of_command(encode_kv_command(kv_set, "a", "v"), "dc1");
  auto r = result_of_reply(c, {{errc::no_leader, "rpc error making call: No cluster leader"}, {}});
  CHECK(r.failure.code == errc::no_leader);
  CHECK(r.failure.text == "rpc error making call: No cluster leader");
}

TEST_CASE("what is no command becomes no call") {
  CHECK(call_of_command("", "dc1").call.method.empty());
  CHECK(call_of_command(std::string(1, 99), "dc1").call.method.empty());
  CHECK(call_of_command("\x02garbage", "dc1").call.method.empty());
}
