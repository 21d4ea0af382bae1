#include "storage/model/service_rows.hpp"
#include "storage/state/catalog_table.hpp"
#include "storage/state/read_view_long.hpp"
#include "storage/state/view_access.hpp"
#include <map>

namespace actord {

using namespace state;

namespace {

void wait_for(query_meta& meta, topic_kind kind, std::string key = {}) {
  if (meta.topics) meta.topics->push_back({kind, std::move(key)});
}

// Consul's maxIndexForService: a service's own index while it exists, else that of the last extinction, else the tables'.
uint64_t index_of_service(const lmdb::transaction& txn, const tables& t, std::string_view name, bool exists, bool with_checks) {
  uint64_t index = 0;
  if (!exists && find_index(txn, t, "service_last_extinction", index)) return index;
  if (find_index(txn, t, "service." + std::string(name), index)) return index;
  index = std::max(get_index(txn, t, "nodes"), get_index(txn, t, "services"));
  return with_checks ? std::max(index, get_index(txn, t, "checks")) : index;
}

std::vector<health_check> load_checks(const lmdb::transaction& txn, const tables& t, const std::vector<std::array<std::string, 2>>& keys) {
  std::vector<health_check> out;
  out.reserve(keys.size());
  for (auto& [node, id] : keys) {
    out.push_back(load_indexed<health_check>(txn, t.checks, lmdb::key_of({node, id})));
    if (bounded_read::stops_at_records(out.size())) break;
  }
  return out;
}

std::vector<node_record> all_nodes(const lmdb::transaction& txn, const tables& t) {
  std::vector<node_record> out;
  lmdb::scan(txn, t.nodes, {}, [&](std::string_view, std::string_view bytes) {
    out.push_back(load_record<node_record>(bytes));
    return !bounded_read::stops_at_records(out.size());
  });
  return out;
}

// By the beginning of its id, when exactly one node's id begins so. Whole bytes count: an odd last character is dropped,
// and an odd number of digits after the hyphens are gone finds nothing (as in Consul).
std::optional<node_record> node_by_id_prefix(const lmdb::transaction& txn, const tables& t, std::string_view text) {
  if (text.size() < 2 || text.size() > 36) return std::nullopt;
  text.remove_suffix(text.size() % 2);
  std::string prefix;
  size_t digits = 0;
  for (char c : text) {
    if (c == '-') continue;
    if (digits == 8 || digits == 12 || digits == 16 || digits == 20) prefix += '-';
    prefix += c;
    ++digits;
  }
  if (digits == 0 || digits % 2 != 0) return std::nullopt;
  std::vector<std::string> names;
  lmdb::scan(txn, t.node_ids, lower(prefix), [&](std::string_view, std::string_view name) {
    names.emplace_back(name);
    return names.size() < 2;
  });
  if (names.size() != 1) return std::nullopt;
  return load_indexed<node_record>(txn, t.nodes, names.front());
}

} // namespace

std::vector<node_record> read_view::nodes(query_meta& meta) const {
  wait_for(meta, topic_kind::nodes);
  return guarded(impl_, [&](auto& txn, auto& t) {
    raise_to(meta.index, get_index(txn, t, "nodes"));
    return all_nodes(txn, t);
  });
}

std::optional<node_record> read_view::node(std::string_view name, query_meta& meta) const {
  wait_for(meta, topic_kind::node, lower(name));
  return guarded(impl_, [&](auto& txn, auto& t) {
    raise_to(meta.index, get_index(txn, t, "nodes"));
    return find_node(txn, t, name);
  });
}

std::optional<node_services> read_view::services_of_node(std::string_view name_or_id, query_meta& meta) const {
  wait_for(meta, topic_kind::node, lower(name_or_id));
  return guarded(impl_, [&](auto& txn, auto& t) -> std::optional<node_services> {
    raise_to(meta.index, std::max(get_index(txn, t, "nodes"), get_index(txn, t, "services")));
    auto node = find_node(txn, t, name_or_id);
    if (!node) node = node_by_id_prefix(txn, t, name_or_id);
    if (!node || lower(node->node) != lower(name_or_id)) wait_for(meta, topic_kind::nodes);
    if (!node) return std::nullopt;
    if (lower(node->node) != lower(name_or_id)) wait_for(meta, topic_kind::node, lower(node->node));
    node_services out{std::move(*node), {}};
    lmdb::scan(txn, t.services, lmdb::key_of({lower(out.node.node)}), [&](std::string_view, std::string_view bytes) {
      out.services.push_back(load_record<node_service>(bytes));
      return !bounded_read::stops_at_records(out.services.size());
    });
    return out;
  });
}

namespace {

using tags_by_service = std::map<std::string, std::vector<std::string>>;

tags_by_service all_services(const lmdb::transaction& txn, const tables& t) {
  tags_by_service out;
  auto* last = static_cast<tags_by_service::value_type*>(nullptr);
  std::string part, tag;
  size_t rows = 0, bytes = 0;
  lmdb::scan(txn, t.tags, {}, [&](std::string_view key, std::string_view) {
    bytes += key.size();
    bool whole = lmdb::take_part(key, part);
    if (whole && (!last || last->first != part)) last = &*out.try_emplace(part).first;
    whole = whole && lmdb::take_part(key, part) && (part.empty() || lmdb::take_part(key, tag));
    if (!whole) lmdb::raise_corrupt("a key of an index");
    if (!part.empty()) last->second.push_back(tag);
    return !bounded_read::stops_at(++rows, bytes);
  });
  return out;
}

tags_by_service services_on(const lmdb::transaction& txn, const tables& t, const std::function<bool(const node_record&)>& only) {
  tags_by_service out;
  size_t records = 0;
  for (auto& n : all_nodes(txn, t)) {
    if (bounded_read::stopped()) break;
    if (!only(n)) continue;
    lmdb::scan(txn, t.services, lmdb::key_of({lower(n.node)}), [&](std::string_view, std::string_view bytes) {
      auto s = load_record<node_service>(bytes);
      auto& tags = out[s.service];
      tags.insert(tags.end(), s.tags.begin(), s.tags.end());
      return !bounded_read::stops_at_records(++records);
    });
  }
  for (auto& [name, tags] : out) {
    std::sort(tags.begin(), tags.end());
    tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
  }
  return out;
}

} // namespace

tags_by_service read_view::services(query_meta& meta, const std::function<bool(const node_record&)>& only) const {
  wait_for(meta, topic_kind::services);
  if (only) wait_for(meta, topic_kind::nodes);
  return guarded(impl_, [&](auto& txn, auto& t) {
    raise_to(meta.index, get_index(txn, t, "services"));
    if (!only) return all_services(txn, t);
    raise_to(meta.index, get_index(txn, t, "nodes"));
    return services_on(txn, t, only);
  });
}

namespace {

bool is_maintenance(const health_check& c) { return c.check_id == "_node_maintenance" || c.check_id.starts_with("_service_maintenance:"); }

void keep_deciding(std::vector<health_check>& checks) {
  std::vector<health_check> kept;
  for (auto& c : checks) {
    const bool tells = c.status != health_passing || is_maintenance(c);
    const auto same = [&](const health_check& k) { return k.status == c.status && k.service_name == c.service_name && is_maintenance(k) == is_maintenance(c); };
    if (tells && std::none_of(kept.begin(), kept.end(), same)) kept.push_back(std::move(c));
  }
  checks = std::move(kept);
}

// Nodes and their own checks, read once per answer: an instance is usually not alone on its node.
struct node_cache {
  const lmdb::transaction& txn;
  const tables& t;
  which_checks which;
  struct found {
    node_record node;
    std::vector<health_check> checks;
    size_t bytes = 0;
  };
  std::map<std::string, found, std::less<>> nodes{};

  const found& get(const std::string& name) {
    auto [at, fresh] = nodes.try_emplace(name);
    auto& it = at->second;
    if (fresh) {
      const auto before = bounded_read::loaded();
      it = {load_indexed<node_record>(txn, t.nodes, name), which == which_checks::none ? std::vector<health_check>{} : checks_of_instance(txn, t, name, "")};
      if (which == which_checks::deciding) keep_deciding(it.checks); // few
      else it.bytes = bounded_read::loaded() - before;
    } else (void)bounded_read::may_load(it.bytes); // each instance has a copy
    return it;
  }
};

} // namespace

std::vector<check_service_node> read_view::service_instances(std::string_view service, query_meta& meta, bool connect, which_checks which) const {
  wait_for(meta, connect ? topic_kind::connect_service : topic_kind::service, lower(service));
  if (connect) wait_for(meta, topic_kind::service, lower(service));
  return guarded(impl_, [&](auto& txn, auto& t) {
    std::vector<check_service_node> out;
    const bool with_checks = which != which_checks::none;
    node_cache cache{txn, t, which};
    std::string last_name;
    size_t records = 0;
    for (auto& [node, id] : keys_under<2>(txn, connect ? t.connect : t.service_instances, lmdb::key_of({lower(service)}))) {
      auto& home = cache.get(node);
      if (bounded_read::stopped()) break;
      auto instance = load_indexed<node_service>(txn, t.services, lmdb::key_of({node, id}));
      if (connect && with_checks && instance.service != last_name) {
        last_name = instance.service;
        raise_to(meta.index, index_of_service(txn, t, last_name, true, with_checks));
      }
      auto& e = out.emplace_back();
      e.node = home.node;
      e.service = std::move(instance);
      if (with_checks) {
        e.checks = home.checks;
        auto own = checks_of_instance(txn, t, node, id);
        if (which == which_checks::deciding) keep_deciding(own);
        for (auto& c : own) e.checks.push_back(std::move(c));
      }
      if (bounded_read::stops_at_records(records += 1 + e.checks.size())) break;
    }
    // Without checks the asked name's own index counts even when proxies of other names answer (as in Consul).
    if (!connect || !with_checks || out.empty()) raise_to(meta.index, index_of_service(txn, t, service, !out.empty(), with_checks));
    // Without the service, the answer's index is the last extinction of any, or the tables'.
    if (out.empty()) wait_for(meta, topic_kind::services);
    return out;
  });
}

bool read_view::service_exists(std::string_view service) const {
  return guarded(impl_, [&](auto& txn, auto& t) { return service_has_instances(txn, t, service); });
}

std::vector<health_check> read_view::checks_of_node(std::string_view node, query_meta& meta) const {
  wait_for(meta, topic_kind::node, lower(node));
  return guarded(impl_, [&](auto& txn, auto& t) {
    raise_to(meta.index, get_index(txn, t, "checks"));
    std::vector<health_check> out;
    lmdb::scan(txn, t.checks, lmdb::key_of({lower(node)}), [&](std::string_view, std::string_view bytes) {
      out.push_back(load_record<health_check>(bytes));
      return !bounded_read::stops_at_records(out.size());
    });
    return out;
  });
}

std::vector<health_check> read_view::checks_of_service(std::string_view service, query_meta& meta) const {
  wait_for(meta, topic_kind::service, lower(service));
  return guarded(impl_, [&](auto& txn, auto& t) {
    raise_to(meta.index, get_index(txn, t, "checks"));
    return load_checks(txn, t, keys_under<2>(txn, t.service_checks, lmdb::key_of({lower(service)})));
  });
}

std::vector<health_check> read_view::checks_in_state(std::string_view wanted, query_meta& meta) const {
  wait_for(meta, topic_kind::checks);
  return guarded(impl_, [&](auto& txn, auto& t) {
    raise_to(meta.index, get_index(txn, t, "checks"));
    if (wanted != health_any) return load_checks(txn, t, keys_under<2>(txn, t.state_checks, lmdb::key_of({wanted})));
    std::vector<health_check> out;
    lmdb::scan(txn, t.checks, {}, [&](std::string_view, std::string_view bytes) {
      out.push_back(load_record<health_check>(bytes));
      return !bounded_read::stops_at_records(out.size());
    });
    return out;
  });
}

std::optional<node_record> read_view::node_by_address(std::string_view address) const {
  return guarded(impl_, [&](auto& txn, auto& t) -> std::optional<node_record> {
    auto keys = keys_under<2>(txn, t.addresses, lmdb::key_of({address, "n"}), 1);
    if (keys.empty()) return std::nullopt;
    return load_indexed<node_record>(txn, t.nodes, keys.front()[0]);
  });
}

std::optional<service_node> read_view::service_by_address(std::string_view address) const {
  return guarded(impl_, [&](auto& txn, auto& t) -> std::optional<service_node> {
    auto keys = keys_under<2>(txn, t.addresses, lmdb::key_of({address, "s"}), 1);
    if (keys.empty()) return std::nullopt;
    auto& [node, id] = keys.front();
    return flattened(load_indexed<node_record>(txn, t.nodes, node), load_indexed<node_service>(txn, t.services, lmdb::key_of({node, id})));
  });
}

uint64_t read_view::service_index(std::string_view service) const {
  return guarded(impl_, [&](auto& txn, auto& t) -> uint64_t {
    return index_of_service(txn, t, service, service_has_instances(txn, t, service), true);
  });
}

uint64_t read_view::table_index(std::string_view table) const {
  return guarded(impl_, [&](auto& txn, auto& t) -> uint64_t { return get_index(txn, t, table); });
}

} // namespace actord
