// One row per setting. Decoding, `agent` flags, -help, DebugConfig, reload and the settings' reference page all come
// from these rows; a new setting is a member of node_config and a row here.
#pragma once
#include "runtime/base/goflags.hpp"
#include "runtime/config/node_config.hpp"
#include "runtime/config/schema.hpp"
#include <variant>

namespace actord {

// The member that a row fills; monostate where the loader derives others from it (addresses, say), or nobody uses it.
using member_ref =
    std::variant<std::monostate, bool node_config::*, int node_config::*, int64_t node_config::*, uint32_t node_config::*,
                 double node_config::*, std::string node_config::*, nanos node_config::*, string_list node_config::*,
                 string_map node_config::*, std::map<std::string, nanos> node_config::*,
                 std::vector<config_value> node_config::*, config_value node_config::*>;

enum class support : uint8_t {
  active,     // does what it says
  inert,      // accepted; warns "K is accepted but has no effect yet" when set to something else than its default
  refused,    // `validate` accepts it with a warning; an agent that is asked for it would be open where it must not be: it does not start
  enterprise, // accepted; warns as Consul does, and its help says so
  internal,   // Consul takes it without a word and for tests only; ignored with a warning
};

struct field_row {
  std::string_view path; // "ports.dns"
  field_type type = field_type::text;
  member_ref member;
  std::string_view help; // one sentence or two; units included
  support state = support::active;
  std::string_view refusal = {}; // why no agent starts with it
  bool reloadable = false;
  bool secret = false;
  bool zero_default = false; // DebugConfig shows 0 while the value is the default
  std::string_view flag = {};
  std::string_view go_name = {}; // in DebugConfig; "Telemetry.StatsdAddr" nests
  int64_t minimum = INT64_MIN;   // of integers; below it: "K cannot be V. Must be greater than or equal to zero"
};

// By path.
const std::vector<field_row>& field_table();
// The row of that path, or null.
const field_row* find_field(std::string_view path);
// The whole file: the rows as a tree, with service, services, check and checks.
const schema& config_schema();

// The flags of `consul agent`: those of the rows, and -config-file, -config-dir, -config-format, -dev, -hcl.
flag_set agent_flags();
// `consul agent -h`.
std::string agent_help();
// The settings as a Markdown table: key, type, default, flag, reloadable, meaning.
std::string field_reference_markdown();

// What a row's help does not say: " No effect yet." and the like; "" of one that does what its help says.
std::string_view note_of(support s);
// The default of a row as text, "" when it has none.
std::string default_text(const field_row& row);

// ---- for the files that hold the rows ----
struct row_maker {
  field_row r;
  row_maker(std::string_view path, member_ref member, std::string_view help);
  row_maker(std::string_view path, field_type type, std::string_view help) : r{path, type, {}, help} {}
  row_maker&& flag(std::string_view name) && { return r.flag = name, std::move(*this); }
  row_maker&& go(std::string_view name) && { return r.go_name = name, std::move(*this); }
  row_maker&& type(field_type t) && { return r.type = t, std::move(*this); }
  row_maker&& reload() && { return r.reloadable = true, std::move(*this); }
  row_maker&& hide() && { return r.secret = true, std::move(*this); }
  row_maker&& zero() && { return r.zero_default = true, std::move(*this); }
  row_maker&& inert() && { return r.state = support::inert, std::move(*this); }
  row_maker&& refused(std::string_view why) && { return r.state = support::refused, r.refusal = why, std::move(*this); }
  row_maker&& enterprise() && { return r.state = support::enterprise, std::move(*this); }
  row_maker&& internal() && { return r.state = support::internal, std::move(*this); }
  row_maker&& at_least(int64_t n) && { return r.minimum = n, std::move(*this); }
};

using rows = std::vector<field_row>;
inline void add(rows& to, row_maker&& m) { to.push_back(std::move(m.r)); }

void add_node_fields(rows& to);    // identity, addresses, ports, joining, logging
void add_cluster_fields(rows& to); // gossip, raft, TLS, ACL, connect
void add_client_fields(rows& to);  // DNS, HTTP, limits, checks, telemetry
void add_silent_fields(rows& to);  // accepted without effect: Enterprise, internal, later versions

} // namespace actord
