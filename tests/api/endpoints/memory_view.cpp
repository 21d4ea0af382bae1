#include "memory_view.hpp"
#include "runtime/base/equal_fold.hpp"
#include "storage/model/service_rows.hpp"
#include <algorithm>

namespace actord {

struct read_view::impl {
  memory_state* s;
};

struct view_access {
  static read_view open(memory_state& s) { return read_view(new read_view::impl{&s}); }
};

read_view memory_state::open() { return view_access::open(*this); }

read_view::read_view(impl* i) : impl_(i) {}
read_view::read_view(read_view&& o) noexcept : impl_(std::exchange(o.impl_, nullptr)) {}
read_view::~read_view() { delete impl_; }

namespace {
void found_at(query_meta& meta, const memory_state& s, topic_kind kind, std::string_view key) {
  meta.index = std::max(meta.index, s.index);
  if (meta.topics) meta.topics->push_back({kind, std::string(key)});
}
} // namespace

bool read_view::kv_get(std::string_view key, kv_entry& out, query_meta& meta) const {
  found_at(meta, *impl_->s, topic_kind::kv_key, key);
  for (auto& e : impl_->s->entries)
    if (e.key == key) return out = e, true;
  return false;
}

void read_view::kv_list(std::string_view prefix, query_meta& meta, const std::function<bool(const kv_entry&)>& f) const {
  for (auto& e : impl_->s->entries)
    if (e.key.starts_with(prefix) && !f(e)) break;
  found_at(meta, *impl_->s, topic_kind::kv_prefix, prefix); // behind the rows, as the real one
}

std::vector<std::string> read_view::kv_keys(std::string_view prefix, std::string_view separator, query_meta& meta) const {
  std::vector<std::string> out;
  kv_list(prefix, meta, [&](const kv_entry& e) {
    const auto at = separator.empty() ? std::string::npos : e.key.find(separator, prefix.size());
    auto shown = e.key.substr(0, at == std::string::npos ? at : at + separator.size());
    if (out.empty() || out.back() != shown) out.push_back(std::move(shown));
    return true;
  });
  return out;
}

std::vector<node_record> read_view::nodes(query_meta& meta) const {
  found_at(meta, *impl_->s, topic_kind::nodes, "");
  return impl_->s->nodes;
}

std::optional<node_record> read_view::node(std::string_view name, query_meta& meta) const {
  found_at(meta, *impl_->s, topic_kind::node, name);
  for (auto& n : impl_->s->nodes)
    if (equal_fold(n.node, name)) return n;
  return {};
}

std::optional<node_services> read_view::services_of_node(std::string_view name, query_meta& meta) const {
  auto n = node(name, meta);
  if (!n) return {};
  node_services out{*n, {}};
  for (auto& [where, service] : impl_->s->services)
    if (where == n->node) out.services.push_back(service);
  return out;
}

std::map<std::string, std::vector<std::string>> read_view::services(query_meta& meta, const std::function<bool(const node_record&)>& only) const {
  std::map<std::string, std::vector<std::string>> out;
  found_at(meta, *impl_->s, topic_kind::services, "");
  for (auto& n : impl_->s->nodes) {
    if (only && !only(n)) continue;
    for (auto& [where, s] : impl_->s->services)
      if (where == n.node) out[s.service].insert(out[s.service].end(), s.tags.begin(), s.tags.end());
  }
  return out;
}

std::vector<check_service_node> read_view::service_instances(std::string_view service, query_meta& meta, bool connect, which_checks which) const {
  const bool with_checks = which != which_checks::none;
  std::vector<check_service_node> out;
  found_at(meta, *impl_->s, connect ? topic_kind::connect_service : topic_kind::service, service);
  query_meta ignored;
  for (auto& [where, s] : impl_->s->services) {
    if (connect || !equal_fold(s.service, service)) continue; // there are no proxies here
    auto& one = out.emplace_back();
    one.node = *node(where, ignored);
    one.service = s;
    for (auto& c : impl_->s->checks)
      if (with_checks && c.node == where && (c.service_id.empty() || c.service_id == s.id)) one.checks.push_back(c);
  }
  return out;
}

namespace {
template <class Keep> std::vector<health_check> those(const std::vector<health_check>& all, Keep keep) {
  std::vector<health_check> out;
  std::copy_if(all.begin(), all.end(), std::back_inserter(out), keep);
  return out;
}
} // namespace

std::vector<health_check> read_view::checks_of_node(std::string_view node, query_meta& meta) const {
  found_at(meta, *impl_->s, topic_kind::node, node);
  return those(impl_->s->checks, [&](auto& c) { return c.node == node; });
}

std::vector<health_check> read_view::checks_of_service(std::string_view service, query_meta& meta) const {
  found_at(meta, *impl_->s, topic_kind::service, service);
  return those(impl_->s->checks, [&](auto& c) { return c.service_name == service; });
}

std::vector<health_check> read_view::checks_in_state(std::string_view state, query_meta& meta) const {
  found_at(meta, *impl_->s, topic_kind::checks, "");
  return those(impl_->s->checks, [&](auto& c) { return state == health_any || c.status == state; });
}

std::optional<service_node> read_view::service_by_address(std::string_view address) const {
  query_meta ignored;
  for (auto& [where, s] : impl_->s->services)
    if (s.address == address) return flattened(*node(where, ignored), s);
  return {};
}

result<std::optional<session_record>> read_view::session(std::string_view id, query_meta& meta) const {
  found_at(meta, *impl_->s, topic_kind::sessions, "");
  if (id.empty()) return error(errc::internal, "no id");
  for (auto& s : impl_->s->sessions)
    if (s.id == id) return std::optional(s);
  return std::optional<session_record>();
}

std::vector<session_record> read_view::sessions(std::string_view node, query_meta& meta) const {
  found_at(meta, *impl_->s, topic_kind::sessions, "");
  auto out = impl_->s->sessions;
  std::erase_if(out, [&](auto& s) { return !node.empty() && s.node != node; });
  return out;
}

std::vector<prepared_query> read_view::queries(query_meta& meta) const {
  found_at(meta, *impl_->s, topic_kind::queries, "");
  return impl_->s->queries;
}

result<std::optional<prepared_query>> read_view::query(std::string_view id, query_meta& meta) const {
  found_at(meta, *impl_->s, topic_kind::queries, "");
  for (auto& q : impl_->s->queries)
    if (q.id == id) return std::optional(q);
  return std::optional<prepared_query>();
}

result<std::optional<prepared_query>> read_view::resolve_query(std::string_view name_or_id, std::string_view) const {
  for (auto& q : impl_->s->queries)
    if (q.id == name_or_id || q.name == name_or_id) return std::optional(q);
  return std::optional<prepared_query>();
}

std::vector<coordinate_record> read_view::coordinates(std::string_view node, query_meta& meta) const {
  found_at(meta, *impl_->s, topic_kind::coordinates, "");
  auto out = impl_->s->coordinates;
  std::erase_if(out, [&](auto& c) { return !node.empty() && !equal_fold(c.node, node); });
  return out;
}

std::optional<autopilot_config> read_view::autopilot(query_meta&) const { return impl_->s->autopilot; }
uint64_t read_view::service_index(std::string_view) const { return impl_->s->index; }
uint64_t read_view::table_index(std::string_view) const { return impl_->s->index; }

txn_response read_view::read_txn(const txn_request& r) const {
  txn_response out;
  query_meta ignored;
  for (auto& op : r.ops)
    if (kv_entry e; op.kv && kv_get(op.kv->entry.key, e, ignored)) out.results.push_back({e, {}, {}, {}});
  return out;
}

} // namespace actord
