// The steps of load(), private to this folder.
#pragma once
#include "runtime/config/field_table.hpp"
#include "runtime/config/loader.hpp"

namespace actord {

// Where a configuration is being made: the merged tree says what was set, `config` what it means.
struct assembly {
  config_value tree = config_value::of_object();
  node_config config;
  string_list errors;     // Consul lists these together
  string_list warnings;
  const host_facts* host = nullptr;
  config_value presets = config_value::of_object(); // what -dev put into the tree: nothing to warn about
  bool dev = false;
  bool starting = true;
  bool detects = false; // the advertised address is the host's, to be found

  // The value at "a.b", or null when it was not set.
  const config_value* set(std::string_view path) const;
  std::string text(std::string_view path) const; // "" when not set
};

// The value at "a.b" of a tree, or null.
const config_value* value_at(const config_value& tree, std::string_view path);

// sources.cpp: one checked tree per source, in order; with -dev the first is its defaults.
status read_sources(const load_request& request, std::vector<config_value>& trees, string_list& warnings);

// decode.cpp
void merge_tree(config_value& into, config_value&& from, const schema& s);
void carry_old_spellings(assembly& a);
void decode_tree(assembly& a);
void warn_about_silent_fields(assembly& a);
status refuse_broken_promises(const assembly& a); // what would leave open what was to be closed

// addresses.cpp: fills every address, listener and tagged address that is written down; then those that depend on the
// host's own address, which is looked for when everything else was found good.
status resolve_addresses(assembly& a);
status detect_addresses(assembly& a);

// sockaddr.cpp: go-sockaddr templates. `{{ GetPrivateIP }}` and text around it become text.
result<std::string> expand_template(std::string_view text, const host_facts& host);
string_list words_of(std::string_view text); // what stands between blanks and line ends
std::string canonical_ip(std::string_view text); // as Go prints it; "" when it is none
bool is_ipv4(std::string_view text);
bool is_ipv6(std::string_view text);
bool is_private_ipv4(std::string_view ip);
bool is_public_ipv6(std::string_view ip);
bool is_wildcard(std::string_view ip); // 0.0.0.0, ::, [::]
bool is_cidr(std::string_view text);

// checks.cpp: the rules that hold between settings; warnings go into the assembly.
status check_settings(assembly& a);
status check_listeners(const assembly& a); // once all addresses are known
// "" or why the pairs are not acceptable as metadata.
std::string metadata_error(const string_map& meta, bool allow_reserved);

} // namespace actord
