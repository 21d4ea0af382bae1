#include "runtime/config/steps.hpp"
#include <algorithm>
#include <climits>
#include <fmt/format.h>

namespace actord {

const config_value* value_at(const config_value& tree, std::string_view path) {
  const config_value* at = &tree;
  while (at) {
    // Names with a dot of their own exist (disable_compat_1.9): the whole rest is tried first.
    if (const auto* whole = at->find(path)) return whole;
    const auto dot = path.find('.');
    if (dot == std::string_view::npos) return nullptr;
    at = at->find(path.substr(0, dot));
    path.remove_prefix(dot + 1);
  }
  return nullptr;
}

const config_value* assembly::set(std::string_view path) const { return value_at(tree, path); }

std::string assembly::text(std::string_view path) const {
  const auto* v = set(path);
  return v && v->is_string() ? v->string : std::string();
}

void merge_tree(config_value& into, config_value&& from, const schema& s) {
  for (auto& [key, value] : from.object) {
    auto& old = into.at_or_add(key);
    const auto* field = s.find(key);
    if (old.is_null() || !field) {
      old = std::move(value);
      continue;
    }
    switch (field->type) {
      case field_type::block: merge_tree(old, std::move(value), *field->of); break;
      case field_type::text_list:
      case field_type::any_list:
      case field_type::block_list:
        for (auto& item : value.list) old.list.push_back(std::move(item));
        break;
      case field_type::text_map:
      case field_type::duration_map:
      case field_type::list_map:
      case field_type::any_map:
      case field_type::block_map:
        for (auto& [name, item] : value.object) old.at_or_add(name) = std::move(item);
        break;
      default: old = std::move(value);
    }
  }
}

void carry_old_spellings(assembly& a) {
  struct pair {
    const char* old_name;
    const char* block;
    const char* sub;
    const char* name;
  };
  constexpr pair pairs[] = {
      {"acl_agent_master_token", "acl", "tokens", "agent_master"}, {"acl_agent_token", "acl", "tokens", "agent"},
      {"acl_master_token", "acl", "tokens", "master"},             {"acl_replication_token", "acl", "tokens", "replication"},
      {"acl_token", "acl", "tokens", "default"},                   {"acl_default_policy", "acl", nullptr, "default_policy"},
      {"acl_down_policy", "acl", nullptr, "down_policy"},          {"acl_ttl", "acl", nullptr, "token_ttl"},
      {"acl_enable_key_list_policy", "acl", nullptr, "enable_key_list_policy"},
      {"enable_acl_replication", "acl", nullptr, "enable_token_replication"},
  };
  for (auto& p : pairs) {
    const auto* found = a.tree.find(p.old_name);
    if (!found) continue;
    // A bad duration is reported under the name that the user wrote, and goes no further.
    if (std::string_view(p.old_name) == "acl_ttl") {
      if (auto d = parse_duration(found->string); !d) {
        a.errors.push_back(fmt::format("acl_ttl: invalid duration: \"{}\": {}", found->string, d.err().text));
        continue;
      }
    }
    const auto value = *found; // the tree grows below
    auto* block = &a.tree.at_or_add(p.block);
    block->type = config_value::kind::object;
    if (p.sub) {
      block = &block->at_or_add(p.sub);
      block->type = config_value::kind::object;
    }
    auto& target = block->at_or_add(p.name);
    if (target.is_null()) target = value;
  }
}

namespace {

struct member_decoder {
  assembly& a;
  const field_row& row;
  const config_value& v;

  void operator()(std::monostate) const {}
  void operator()(bool node_config::*m) const { a.config.*m = v.boolean; }
  void operator()(int64_t node_config::*m) const { a.config.*m = v.integer; }
  void operator()(double node_config::*m) const { a.config.*m = v.real; }
  void operator()(std::string node_config::*m) const { a.config.*m = v.string; }
  void operator()(uint32_t node_config::*m) const { a.config.*m = static_cast<uint32_t>(v.integer); }
  void operator()(int node_config::*m) const {
    const bool port = row.path.starts_with("ports.");
    if (port && v.integer > 65535) a.errors.push_back(fmt::format("{}: invalid port: {}", row.path, v.integer));
    else if (v.integer > INT_MAX || v.integer < INT_MIN) a.errors.push_back(fmt::format("{}: value out of range: {}", row.path, v.integer));
    else a.config.*m = port && v.integer <= 0 ? -1 : static_cast<int>(v.integer);
  }
  void operator()(nanos node_config::*m) const { duration(std::string(row.path), v.string, a.config.*m); }
  void operator()(string_list node_config::*m) const {
    for (auto& item : v.list) (a.config.*m).push_back(item.string);
  }
  void operator()(string_map node_config::*m) const {
    for (auto& [key, item] : v.object) (a.config.*m)[key] = item.string;
  }
  void operator()(std::map<std::string, nanos> node_config::*m) const {
    for (auto& [key, item] : v.object) duration(fmt::format("{}[\"{}\"]", row.path, key), item.string, (a.config.*m)[key]);
  }
  void operator()(std::vector<config_value> node_config::*m) const { a.config.*m = v.list; }
  void operator()(config_value node_config::*m) const { a.config.*m = v; }

  void duration(const std::string& path, const std::string& text, nanos& out) const {
    auto d = parse_duration(text);
    if (d) out = *d;
    else a.errors.push_back(fmt::format("{}: invalid duration: \"{}\": {}", path, text, d.err().text));
  }
};

void check_durations_of_check(assembly& a, const config_value& check) {
  if (!check.is_object()) return;
  const auto* id = check.find("id");
  for (auto key : {"interval", "timeout", "ttl", "deregister_critical_service_after"}) {
    const auto* v = check.find(key);
    if (!v) continue;
    if (auto d = parse_duration(v->string); !d)
      a.errors.push_back(fmt::format("check[{}].{}: invalid duration: \"{}\": {}", id ? id->string : "", key, v->string, d.err().text));
  }
}

void check_weights(assembly& a, const config_value& service) {
  const auto* weights = service.find("weights");
  if (!weights || !weights->is_object()) return;
  const auto of = [&](std::string_view key) {
    const auto* v = weights->find(key);
    return v && v->is_number() ? v->integer : int64_t{1};
  };
  const int64_t passing = of("passing"), warning = of("warning");
  std::string why;
  if (passing < 1) why = "Passing must be greater than 0";
  else if (warning < 0) why = "Warning must be greater or equal than 0";
  else if (passing > 65535 || warning > 65535) why = "DNS Weight must be between 0 and 65535";
  const auto* name = service.find("name");
  if (!why.empty()) a.errors.push_back(fmt::format("Invalid weight definition for service {}: {}", name ? name->string : "", why));
}

// A sidecar may nest a service in a service; the readers bound how deep.
void check_service(assembly& a, const config_value& service) {
  if (!service.is_object()) return;
  if (const auto* one = service.find("check")) check_durations_of_check(a, *one);
  if (const auto* all = service.find("checks"))
    for (auto& c : all->list) check_durations_of_check(a, c);
  if (const auto* meta = service.find("meta")) {
    string_map pairs;
    for (auto& [key, value] : meta->object) pairs[key] = value.string;
    const auto* name = service.find("name");
    if (auto why = metadata_error(pairs, false); !why.empty())
      a.errors.push_back(fmt::format("invalid meta for service {}: {}", name ? name->string : "", why));
  }
  check_weights(a, service);
  if (const auto* connect = service.find("connect"))
    if (const auto* sidecar = connect->find("sidecar_service")) check_service(a, *sidecar);
}

struct same_member {
  const node_config& x;
  const node_config& y;
  bool operator()(std::monostate) const { return false; }
  template <class M> bool operator()(M node_config::*m) const { return x.*m == y.*m; }
};

} // namespace

void decode_tree(assembly& a) {
  for (auto& row : field_table()) {
    const auto* v = row.state == support::internal ? nullptr : a.set(row.path);
    if (v && !v->is_null()) std::visit(member_decoder{a, row, *v}, row.member);
  }
  if (const auto* services = a.tree.find("services")) a.config.services = services->list;
  if (const auto* checks = a.tree.find("checks")) a.config.checks = checks->list;
  for (auto& s : a.config.services) check_service(a, s);
  for (auto& c : a.config.checks) check_durations_of_check(a, c);
}

void warn_about_silent_fields(assembly& a) {
  static const node_config defaults;
  for (auto& row : field_table()) {
    if (row.state == support::active || row.path == "segment" || row.path == "segments") continue;
    const auto* v = a.set(row.path);
    if (!v || v->is_null()) continue;
    if (const auto* preset = value_at(a.presets, row.path); preset && *preset == *v) continue;
    if (row.path == "primary_datacenter" && (v->string.empty() || v->string == a.config.datacenter)) continue; // as it is anyway
    const bool off = row.member.index() == 0 ? v->type == config_value::kind::boolean && !v->boolean
                                             : std::visit(same_member{a.config, defaults}, row.member);
    if (row.state == support::enterprise)
      a.warnings.push_back(fmt::format("\"{}\" is a Consul Enterprise configuration and will have no effect", row.path));
    else if (row.state == support::internal)
      a.warnings.push_back(fmt::format("{} cannot be set by users and is ignored", row.path));
    else if (!off && row.state == support::refused && !a.starting)
      a.warnings.push_back(fmt::format("{} is accepted but has no effect yet: an agent does not start with it", row.path));
    else if (!off && row.state == support::inert)
      a.warnings.push_back(fmt::format("{} is accepted but has no effect yet", row.path));
  }
}

// True where a block of a later Consul asks for what TLS would promise, at any depth.
static bool asks_for_tls(const config_value& block) {
  const auto asks = [](const config_value::member& m) { return m.second.boolean && m.first.starts_with("verify_"); };
  return std::any_of(block.object.begin(), block.object.end(), [&](auto& m) { return asks(m) || asks_for_tls(m.second); }) ||
         std::any_of(block.list.begin(), block.list.end(), asks_for_tls);
}

static bool is_enabled(const config_value& block) {
  const auto* enabled = block.find("enabled");
  return (enabled && enabled->boolean) || std::any_of(block.list.begin(), block.list.end(), is_enabled);
}

status refuse_broken_promises(const assembly& a) {
  static const node_config defaults;
  const auto no = [](std::string_view path, std::string_view why) { return error{errc::bad_request, fmt::format("{}: {}", path, why)}; };
  for (auto& row : field_table())
    if (row.state == support::refused && !std::visit(same_member{a.config, defaults}, row.member)) return no(row.path, row.refusal);
  // Of other versions, and read as they come.
  const auto why = find_field("verify_incoming")->refusal;
  if (const auto* tls = a.set("tls"); tls && asks_for_tls(*tls)) return no("tls", why);
  if (const auto* automatic = a.set("auto_config"); automatic && is_enabled(*automatic)) return no("auto_config.enabled", why);
  return {};
}

config_changes reloadable_changes(const node_config& before, const node_config& after) {
  config_changes out;
  for (auto& row : field_table()) {
    if (row.member.index() == 0 || std::visit(same_member{before, after}, row.member)) continue;
    (row.reloadable ? out.reloadable : out.fixed).emplace_back(row.path);
  }
  if (!(before.services == after.services)) out.reloadable.emplace_back("services");
  if (!(before.checks == after.checks)) out.reloadable.emplace_back("checks");
  return out;
}

node_config apply_reload(const node_config& before, const node_config& after) {
  auto out = before;
  for (auto& row : field_table()) {
    if (!row.reloadable) continue;
    std::visit(
        [&](auto m) {
          if constexpr (!std::is_same_v<decltype(m), std::monostate>) out.*m = after.*m;
        },
        row.member);
  }
  out.services = after.services;
  out.checks = after.checks;
  return out;
}

} // namespace actord
