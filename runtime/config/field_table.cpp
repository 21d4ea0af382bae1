#include "runtime/config/field_table.hpp"
#include "runtime/config/definition_schema.hpp"
#include <algorithm>
#include <deque>
#include <fmt/format.h>

namespace actord {
namespace {

template <class M> constexpr field_type type_for() {
  if constexpr (std::is_same_v<M, bool>) return field_type::boolean;
  else if constexpr (std::is_same_v<M, int> || std::is_same_v<M, int64_t>) return field_type::integer;
  else if constexpr (std::is_same_v<M, uint32_t>) return field_type::unsigned_integer;
  else if constexpr (std::is_same_v<M, double>) return field_type::real;
  else if constexpr (std::is_same_v<M, nanos>) return field_type::duration;
  else if constexpr (std::is_same_v<M, string_list>) return field_type::text_list;
  else if constexpr (std::is_same_v<M, string_map>) return field_type::text_map;
  else if constexpr (std::is_same_v<M, std::map<std::string, nanos>>) return field_type::duration_map;
  else if constexpr (std::is_same_v<M, std::vector<config_value>>) return field_type::any_list;
  else if constexpr (std::is_same_v<M, config_value>) return field_type::any_map;
  else return field_type::text;
}

field_type type_of(const member_ref& member) {
  return std::visit(
      [](auto m) {
        if constexpr (std::is_same_v<decltype(m), std::monostate>) return field_type::text;
        else return type_for<std::remove_cvref_t<decltype(std::declval<node_config>().*m)>>();
      },
      member);
}

rows build_table() {
  rows all;
  add_node_fields(all);
  add_cluster_fields(all);
  add_client_fields(all);
  add_silent_fields(all);
  std::sort(all.begin(), all.end(), [](auto& a, auto& b) { return a.path < b.path; });
  return all;
}

// The part of a path up to its first dot; a part that begins with a digit belongs to the name before it
// (disable_compat_1.9).
size_t first_part(std::string_view path) {
  auto dot = path.find('.');
  while (dot != std::string_view::npos && dot + 1 < path.size() && path[dot + 1] >= '0' && path[dot + 1] <= '9')
    dot = path.find('.', dot + 1);
  return std::min(dot, path.size());
}

struct schema_store {
  std::deque<std::vector<schema_field>> fields;
  std::deque<schema> schemas;
  const schema* root = nullptr;
};

// Rows [begin, end) share the first `skip` characters of their paths.
const schema* build_schema(schema_store& store, const field_row* begin, const field_row* end, size_t skip) {
  std::vector<schema_field> fields;
  while (begin != end) {
    const auto rest = begin->path.substr(skip);
    const auto name = rest.substr(0, first_part(rest));
    if (name.size() == rest.size()) {
      fields.push_back({name, begin->type, nullptr, {}, {}, begin});
      ++begin;
      continue;
    }
    auto* last = begin;
    while (last != end && last->path.substr(skip).starts_with(name) && last->path.substr(skip + name.size()).starts_with('.')) ++last;
    fields.push_back({name, field_type::block, build_schema(store, begin, last, skip + name.size() + 1)});
    begin = last;
  }
  if (skip == 0) {
    fields.push_back({"service", field_type::block, &service_schema()});
    fields.push_back({"services", field_type::block_list, &service_schema()});
    fields.push_back({"check", field_type::block, &check_schema()});
    fields.push_back({"checks", field_type::block_list, &check_schema()});
  }
  store.fields.push_back(std::move(fields));
  return &store.schemas.emplace_back(schema{store.fields.back()});
}

std::string join(const string_list& words) {
  std::string out;
  for (auto& w : words) out += (out.empty() ? "" : ", ") + w;
  return out;
}

struct default_printer {
  const node_config& c;
  std::string operator()(std::monostate) const { return {}; }
  std::string operator()(bool node_config::*m) const { return c.*m ? "true" : "false"; }
  std::string operator()(int node_config::*m) const { return std::to_string(c.*m); }
  std::string operator()(int64_t node_config::*m) const { return std::to_string(c.*m); }
  std::string operator()(uint32_t node_config::*m) const { return std::to_string(c.*m); }
  std::string operator()(double node_config::*m) const { return fmt::format("{}", c.*m); }
  std::string operator()(std::string node_config::*m) const { return c.*m; }
  std::string operator()(nanos node_config::*m) const { return format_duration(c.*m); }
  std::string operator()(string_list node_config::*m) const { return join(c.*m); }
  template <class M> std::string operator()(M) const { return {}; }
};

std::string_view type_name(field_type t) {
  switch (t) {
    case field_type::boolean: return "bool";
    case field_type::integer:
    case field_type::unsigned_integer: return "int";
    case field_type::real: return "number";
    case field_type::duration: return "duration";
    case field_type::text_list: return "list";
    case field_type::any_list:
    case field_type::block_list: return "list of blocks";
    case field_type::text: return "string";
    default: return "map";
  }
}

flag_spec flag_of(const field_row& r) {
  flag_spec f;
  f.name = r.flag;
  f.help = std::string(r.help) + std::string(note_of(r.state));
  f.value_word = "value";
  f.strconv_errors = true;
  switch (r.type) {
    case field_type::boolean: f.kind = flag_kind::boolean; break;
    case field_type::integer: f.kind = flag_kind::integer; break;
    case field_type::text_list: f.kind = flag_kind::repeated; break;
    case field_type::text_map:
      f.kind = flag_kind::key_value;
      f.value_word = "key:value";
      break;
    default: f.kind = flag_kind::text;
  }
  return f;
}

} // namespace

row_maker::row_maker(std::string_view path, member_ref member, std::string_view help)
    : r{path, type_of(member), member, help} {}

const std::vector<field_row>& field_table() {
  static const rows table = build_table();
  return table;
}

const field_row* find_field(std::string_view path) {
  auto& table = field_table();
  auto at = std::lower_bound(table.begin(), table.end(), path, [](auto& row, auto p) { return row.path < p; });
  return at != table.end() && at->path == path ? &*at : nullptr;
}

const schema& config_schema() {
  static const schema_store store = [] {
    schema_store s;
    auto& table = field_table();
    s.root = build_schema(s, table.data(), table.data() + table.size(), 0);
    return s;
  }();
  return *store.root;
}

flag_set agent_flags() {
  flag_set flags;
  for (auto& r : field_table())
    if (!r.flag.empty()) flags.add(flag_of(r));
  flags.add({"config-file", flag_kind::repeated, "Configuration file, its format told by .json or .hcl; may be repeated.", "value"});
  flags.add({"config-dir", flag_kind::repeated, "Directory of which every .json and .hcl file is read, by name; may be repeated.", "value"});
  flags.add({"config-format", flag_kind::text, "Take all configuration files for this format, hcl or json, whatever their names.", "string"});
  flags.add({"dev", flag_kind::boolean, "Development mode: a server on the loopback address that keeps nothing.", "", "", true});
  flags.add({"hcl", flag_kind::repeated, "A piece of configuration in HCL; may be repeated.", "value"});
  return flags;
}

std::string agent_help() {
  const auto flags = agent_flags();
  std::vector<std::string> others;
  for (auto& f : flags.specs())
    if (f.name != "datacenter") others.push_back(f.name);
  return "Usage: consul agent [options]\n\n"
         "  Starts the agent and runs it until it is interrupted. An agent is one\n"
         "  node of a cluster, be it a server or a client.\n\n"
         "HTTP API Options\n\n" +
         flags.help_page({"datacenter"}) + "Command Options\n\n" + flags.help_page(others);
}

std::string_view note_of(support s) {
  static constexpr std::string_view notes[] = {"", " No effect yet.", " An agent does not start with it yet.", "", " Ignored."};
  return notes[static_cast<size_t>(s)];
}

std::string default_text(const field_row& row) {
  static const node_config defaults;
  if (row.secret || row.help.ends_with("unless set.")) return {}; // the help says what it is then
  return std::visit(default_printer{defaults}, row.member);
}

std::string field_reference_markdown() {
  std::string out = "| key | type | default | flag | reload | meaning |\n| --- | --- | --- | --- | --- | --- |\n";
  for (auto& r : field_table()) {
    const auto flag = r.flag.empty() ? std::string() : "-" + std::string(r.flag);
    out += fmt::format("| {} | {} | {} | {} | {} | {}{} |\n", r.path, type_name(r.type), default_text(r), flag,
                       r.reloadable ? "yes" : "", r.help, note_of(r.state));
  }
  return out;
}

} // namespace actord
