// PreparedQuery.Apply; the rest are endpoints.
#include "api/consul_rpc/methods.hpp"
#include "runtime/config/loader.hpp"
#include "storage/command/commands.hpp"
#include "storage/command/query_rules.hpp"

namespace actord::consul_rpc {
namespace {

void say_id(call& c, const apply_result& r) { c.reply(r.body); }

void apply(call& c) {
  query_request r;
  if (!c.decode(r) || !c.is_local(r.datacenter)) return;
  if (!r.query) r.query.emplace();
  if (r.op == query_create) {
    if (!r.query->id.empty()) return c.fail("ID must be empty when creating a new prepared query");
    auto id = fresh_uuid();
    if (!id) return c.fail(id.err().text);
    r.query->id = *id;
  } else if (r.op != query_update && r.op != query_delete) return c.fail("Unknown prepared query operation: " + r.op);
  if (r.op != query_delete)
    if (auto s = check_query(*r.query); !s) return c.fail("Invalid prepared query: " + s.err().text);
  c.propose(encode_command(command_kind::prepared_query, r), say_id);
}

constexpr method rows[] = {{"PreparedQuery.Apply", apply}};

} // namespace

std::span<const method> query_methods() { return rows; }

} // namespace actord::consul_rpc
