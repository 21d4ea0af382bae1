#include "api/endpoints/kv.hpp"
#include "storage/command/registration_rules.hpp"
#include "storage/state/read_view_long.hpp"
#include <algorithm>

namespace actord::endpoints::kv {
namespace {

status find(const rpc::key_request& q, look& at, rows<kv_entry>& to) {
  thread_local kv_entry entry; // its strings keep their storage from call to call
  if (at.view.kv_get(q.key, entry, at.meta)) to.add(entry);
  return {};
}

status find_tree(const rpc::key_request& q, look& at, rows<kv_entry>& to) {
  at.view.kv_list(q.key, at.meta, [&](const kv_entry& e) { return to.add(e); });
  return {};
}

status find_keys(const rpc::key_list_request& q, look& at, rows<std::string>& to) {
  if (bounded_read::on()) {
    query_meta apart;
    size_t count = 0, bytes = 0;
    bool much = false;
    at.view.kv_list(q.prefix, apart, [&](const kv_entry& e) { return !(much = bounded_read::stops_at(++count, bytes += e.value.size())); });
    if (much) return {};
  }
  auto keys = at.view.kv_keys(q.prefix, q.separator, at.meta);
  to.take_all(keys);
  return {};
}

bool may_list(const authorizer& who, const rpc::key_list_request& q) { return who.allows(access::list, resource::key, q.prefix); }
bool may_list_tree(const authorizer& who, const rpc::key_request& q) { return who.allows(access::list, resource::key, q.key); }

bool may_change(const authorizer& who, const kv_request& r) { return who.allows(access::write, resource::key, r.entry.key); } // or all below it
status check(kv_request& r, draft&, bool&) {
  if (r.entry.key.empty() && r.op != kv_delete_tree) return error(errc::internal, "Must provide key");
  return {};
}
bool is_conditional(const kv_request& r) { return r.op == kv_cas || r.op == kv_delete_cas || r.op == kv_lock || r.op == kv_unlock; }
status tell_done(const apply_result& r, bool& to) { return to = r.value, status(); }

// The hot one: without the detour of an encoder that has to put names in order.
std::string encode(const kv_request& r) {
  const auto& e = r.entry;
  const bool usual = e.lock_index == 0 && e.create_index == 0 && r.token.empty();
  return usual ? encode_kv_command(r.op, e.key, e.value, e.flags, e.modify_index, e.session) : encode_command(command_kind::kv, r);
}

} // namespace

constinit const read_endpoint<rpc::key_request, rows<kv_entry>> get{
    .name = "KVS.Get", .field = "Entries", .may = may_read_key<rpc::key_request>, .sees = sees_entry, .run = find};
constinit const read_endpoint<rpc::key_request, rows<kv_entry>> list{
    .name = "KVS.List", .field = "Entries", .may = may_list_tree, .sees = sees_entry, .run = find_tree};
constinit const read_endpoint<rpc::key_list_request, rows<std::string>> list_keys{
    .name = "KVS.ListKeys", .field = "Keys", .may = may_list, .sees = sees_key, .run = find_keys};
constinit const write_endpoint<kv_request, bool> apply{.name = "KVS.Apply", .command = command_kind::kv, .may = may_change, .prepare = check,
                                                       .tell = tell_done, .encode = encode, .conditional = is_conditional};

} // namespace actord::endpoints::kv

namespace actord::endpoints::txn {

rpc::txn_apply_reply shape(const txn_response& t) {
  rpc::txn_apply_reply out;
  if (!t.errors.empty()) {
    for (auto& e : t.errors) out.errors.push_back({static_cast<int64_t>(e.op_index), e.what});
    return out;
  }
  out.results.set = true;
  for (auto& r : t.results) out.results.push_back({r.kv, r.node, r.service, r.check});
  return out;
}

namespace {

using request = rpc::txn_read_request<txn_op>;

status carry_out_reads(const request& q, look& at, rpc::txn_read_reply& to) {
  txn_request t;
  t.ops = q.ops;
  txn_response refused;
  refused.errors = prepare_transaction(t);
  to.txn = shape(refused.errors.empty() ? at.view.read_txn(t) : refused);
  return {};
}

void see_results(const authorizer& who, rpc::txn_read_reply& to) {
  std::erase_if(to.txn.results, [&](const rpc::txn_result_record& r) {
    return (r.kv && !sees_entry(who, *r.kv)) || (r.node && !sees_node(who, *r.node)) || (r.check && !sees_check(who, *r.check)) ||
           (r.service && !who.allows(access::read, resource::service, r.service->service));
  });
}

bool may_change(const authorizer& who, const txn_request& t) {
  return std::all_of(t.ops.begin(), t.ops.end(), [&](const txn_op& op) {
    const auto may = [&](std::string_view verb, resource r, std::string_view name) {
      return who.allows(verb == kv_get || verb.starts_with("check-") ? access::read : verb == kv_get_tree ? access::list : access::write, r, name);
    };
    return (!op.kv || may(op.kv->verb, resource::key, op.kv->entry.key)) && (!op.node || may(op.node->verb, resource::node, op.node->node.node)) &&
           (!op.service || may(op.service->verb, resource::service, op.service->service.service)) &&
           (!op.check || may(op.check->verb, resource::node, op.check->check.node));
  });
}
status check(txn_request& t, draft& d, rpc::txn_apply_reply& to) {
  txn_response refused;
  refused.errors = prepare_transaction(t);
  d.answered = !refused.errors.empty();
  if (d.answered) to = shape(refused);
  return {};
}
status tell_results(const apply_result& r, rpc::txn_apply_reply& to) { return to = shape(r.txn ? *r.txn : txn_response{}), status(); }

} // namespace

constinit const read_endpoint<request, rpc::txn_read_reply> read{
    .name = "Txn.Read", .may = anybody_may<request>, .sees = see_results, .run = carry_out_reads, .waits = false};
constinit const write_endpoint<txn_request, rpc::txn_apply_reply> apply{
    .name = "Txn.Apply", .command = command_kind::txn, .may = may_change, .prepare = check, .tell = tell_results};

} // namespace actord::endpoints::txn
