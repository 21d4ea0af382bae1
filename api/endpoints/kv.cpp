#include "api/endpoints/kv.hpp"
#include "storage/command/registration_rules.hpp"
#include "storage/state/read_view_long.hpp"

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

} // namespace

constinit const read_endpoint<rpc::key_request, rows<kv_entry>> get{
    .name = "KVS.Get", .field = "Entries", .forward = forward_rule::any_server, .may = may_read_key<rpc::key_request>, .sees = sees_entry, .run = find};
constinit const read_endpoint<rpc::key_request, rows<kv_entry>> list{
    .name = "KVS.List", .field = "Entries", .forward = forward_rule::any_server, .may = may_list_tree, .sees = sees_entry, .run = find_tree};
constinit const read_endpoint<rpc::key_list_request, rows<std::string>> list_keys{
    .name = "KVS.ListKeys", .field = "Keys", .forward = forward_rule::any_server, .may = may_list, .sees = sees_key, .run = find_keys};

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

} // namespace

constinit const read_endpoint<request, rpc::txn_read_reply> read{
    .name = "Txn.Read", .forward = forward_rule::any_server, .may = anybody_may<request>, .sees = see_results, .run = carry_out_reads, .waits = false};

} // namespace actord::endpoints::txn
