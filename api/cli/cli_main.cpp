#include "api/cli/cli_main.hpp"
#include "api/cli/command.hpp"
#include "api/cli/completion.hpp"
#include "api/cli/table.hpp"
#include "runtime/config/field_table.hpp"
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <unistd.h>

namespace actord::cli {

// ---- what a command may do ----------------------------------------------------------------------------------

void invocation::line(std::string_view text) const { io.out(std::string(text) + "\n"); }
void invocation::error(std::string_view text) const { io.err(std::string(text) + "\n"); }
int invocation::fail_with_help(std::string_view text) const {
  error(std::string(text) + "\n\n" + help_of(self));
  return 1;
}

// ---- help ---------------------------------------------------------------------------------------------------

flag_set flags_of(const command& c) {
  if (c.path == "agent") return agent_flags();
  flag_set set(c.own_flags);
  for (auto& f : shared_flags(c.groups)) set.add(f);
  return set;
}

static std::string trimmed_end(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// Command names with their synopses, one a line.
static std::string list_of_commands(std::string_view group) {
  std::vector<table_row> rows;
  std::string prefix = group.empty() ? "" : std::string(group) + " ";
  for (auto& c : command_table()) {
    if (!c.path.starts_with(prefix)) continue;
    auto name = c.path.substr(prefix.size());
    if (name.find(' ') == name.npos) rows.push_back({"    " + std::string(name), std::string(c.synopsis)});
  }
  std::ranges::sort(rows);
  return render_table(rows, 4);
}

std::string help_of(const command& c) {
  if (c.path == "agent") return trimmed_end(agent_help());
  std::string out = "Usage: consul " + std::string(c.path) + (c.usage.empty() ? "" : " ") + std::string(c.usage) + "\n\n";
  out += c.about;
  out += "\n";
  if (!c.run) return out + "\nSubcommands:\n" + list_of_commands(c.path);
  if (auto shared = shared_flags(c.groups); !shared.empty())
    out += "\nHTTP API Options\n\n" + trimmed_end(flag_set(shared).help_page()) + "\n";
  if (!c.own_flags.empty()) out += "\nCommand Options\n\n" + trimmed_end(flag_set(c.own_flags).help_page()) + "\n";
  return trimmed_end(out);
}

std::string usage_of_all() {
  return "Usage: consul [--version] [--help] <command> [<args>]\n\nAvailable commands are:\n" + list_of_commands("") + "\n";
}

// ---- finding and running the command --------------------------------------------------------------------------

static bool is_help(const std::string& word) { return word == "-h" || word == "-help" || word == "--help"; }

// The command with the longest path that `args` begins with; null when there is none.
static const command* find_command(const std::vector<std::string>& args, size_t& words) {
  const command* found = nullptr;
  std::string path;
  for (size_t i = 0; i < args.size(); ++i) {
    path += (i > 0 ? " " : "") + args[i];
    auto at = std::ranges::find(command_table(), path, &command::path);
    if (at == command_table().end()) break;
    found = &*at;
    words = i + 1;
    if (found->run) break;
  }
  return found;
}

static int run_group(const command& group, const std::vector<std::string>& rest, const cli_io& io) {
  bool asked = !rest.empty() && is_help(rest.front());
  (asked ? io.out : io.err)(help_of(group) + "\n");
  return asked ? 0 : 1;
}

// A shell asks what may follow; COMP_POINT is the cursor's place.
static int complete(const std::string& line, const cli_io& io) {
  size_t point = line.size();
  const auto text = io.env("COMP_POINT");
  std::from_chars(text.data(), text.data() + text.size(), point);
  for (auto& word : completions(std::string_view(line).substr(0, point))) io.out(word + "\n");
  return 0;
}

int run_command_line(const std::vector<std::string>& args, const cli_io& io, const cli_hooks& hooks) {
  if (auto line = io.env("COMP_LINE"); !line.empty()) return complete(line, io);
  if (!args.empty() && is_help(args.front())) {
    io.out(usage_of_all() + "\n");
    return 0;
  }
  if (!args.empty() && (args.front() == "-v" || args.front() == "-version" || args.front() == "--version"))
    return run_command_line({"version"}, io, hooks);
  size_t words = 0;
  const command* found = find_command(args, words);
  if (!found) {
    io.err(usage_of_all() + "\n");
    return 127;
  }
  std::vector<std::string> rest(args.begin() + static_cast<std::ptrdiff_t>(words), args.end());
  if (!found->run) return run_group(*found, rest, io);
  auto set = flags_of(*found);
  auto flags = set.parse(rest);
  if (!flags) {
    io.err(flags.err().text + "\n" + set.go_usage());
    return 1;
  }
  if (flags->help) {
    io.out(help_of(*found) + "\n");
    return 0;
  }
  for (auto& [name, value] : flags->in_order)
    if (found->path != "agent" && set.find(name)->kind == flag_kind::key_value && value.find('=') == std::string::npos) {
      io.err("invalid value \"" + value + "\" for flag -" + name + ": Missing \"=\" value in argument: " + value + "\n" + set.go_usage());
      return 1;
    }
  invocation in{*found, *flags, io, hooks};
  return found->run(in);
}

// ---- the process ------------------------------------------------------------------------------------------------

static void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    auto n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return; // nobody reads any more
    text.remove_prefix(static_cast<size_t>(n));
  }
}

static std::string read_to_end(int fd) {
  std::string out;
  char piece[64 * 1024];
  for (;;) {
    auto n = ::read(fd, piece, sizeof piece);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return out;
    out.append(piece, static_cast<size_t>(n));
  }
}

int cli_main(int argc, char** argv, const cli_hooks& hooks) {
  cli_io io;
  io.out = [](std::string_view text) { write_all(STDOUT_FILENO, text); };
  io.err = [](std::string_view text) { write_all(STDERR_FILENO, text); };
  io.read_stdin = [] { return read_to_end(STDIN_FILENO); };
  io.env = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value ? value : "");
  };
  return run_command_line(std::vector<std::string>(argv + std::min(argc, 1), argv + argc), io, hooks);
}

} // namespace actord::cli
