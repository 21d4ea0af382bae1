// What a command is, and what it is given when it runs. The table of all of them is in command_table.cpp.
#pragma once
#include "api/cli/cli_main.hpp"
#include "api/cli/http_client.hpp"
#include "runtime/base/goflags.hpp"
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace actord::cli {

// Which flags a command shares with others: how to reach the agent, which datacenter, whether stale answers will do.
enum flag_group : unsigned { no_flags = 0, client_flags = 1, datacenter_flag = 2, stale_flag = 4, client_and_server = 7 };

struct invocation;

struct command {
  std::string_view path = {};     // "kv put"
  std::string_view synopsis; // its line in the list of commands
  std::string_view usage;    // what follows the path in the first line of its help
  std::string_view about;    // its help, wrapped by hand; begins and ends without a line break
  unsigned groups = no_flags;
  std::vector<flag_spec> own_flags = {};
  int (*run)(invocation&) = nullptr; // null: a group of subcommands
};

struct invocation {
  const command& self;
  const parsed_flags& flags;
  const cli_io& io;
  const cli_hooks& hooks;

  const std::vector<std::string>& args() const { return flags.rest; }
  void line(std::string_view text) const; // to stdout, with a line break
  void error(std::string_view text) const; // to stderr, with a line break
  int fail(std::string_view text) const { return error(text), 1; }
  // The error followed by the command's help on stderr; 1.
  int fail_with_help(std::string_view text) const;
  // The agent that flags and environment name; the failure has been printed already.
  std::unique_ptr<http_client> connect() const;
  // -datacenter, -stale and -namespace (CONSUL_NAMESPACE) as query parameters.
  query_list query() const;
};

const std::vector<command>& command_table();
flag_set flags_of(const command& c);
std::string help_of(const command& c);
std::string usage_of_all();

// A flag with Go's kind names: text "string", unsigned "uint".
flag_spec bool_flag(std::string name, std::string help);
flag_spec text_flag(std::string name, std::string help, std::string word = "string", std::string shown_default = {});
flag_spec uint_flag(std::string name, std::string help);
flag_spec namespace_flag();
std::vector<flag_spec> shared_flags(unsigned groups);

// DATA as `kv put` and `kv import` take it: `@file`, `-` for stdin, else the text itself.
result<std::string> read_argument(const invocation& in, const std::string& word);
// 32 random bytes as text, as the setting "encrypt" takes them.
result<std::string> fresh_gossip_key();

} // namespace actord::cli
