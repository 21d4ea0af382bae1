// Commands that need no agent: version, validate, keygen; and the agent itself.
#include "api/cli/commands/groups.hpp"
#include "runtime/base/file_wait.hpp"
#include "runtime/base/json_writer.hpp"
#include <cstdio>
#include <sys/random.h>

namespace actord::cli {

result<std::string> fresh_gossip_key() {
  char key[32];
  size_t have = 0;
  while (have < sizeof key) {
    auto n = ::getrandom(key + have, sizeof key - have, 0);
    if (n < 0) return error{errc::internal, "Error reading random data: the kernel gave none"};
    have += static_cast<size_t>(n);
  }
  std::string text;
  append_base64(text, {key, sizeof key});
  return text;
}

namespace {

constexpr const char* consul_version = "1.8.7"; // whose behaviour this is; clients parse it

int run_version(invocation& in) {
  auto format = in.flags.text("format", "pretty");
  if (format == "json") {
    in.line("{\n   \"Version\": \"" + std::string(consul_version) +
            "\",\n   \"Revision\": \"\",\n   \"Prerelease\": \"\",\n   \"RPC\": {\n      \"Default\": 2,\n"
            "      \"Min\": 2,\n      \"Max\": 3\n   }\n}");
    return 0;
  }
  if (format != "pretty") return in.fail("Unknown format: " + format);
  in.line("Consul v" + std::string(consul_version));
  in.line("Protocol 2 spoken by default, understands 2 to 3 (agent will automatically use protocol >2 when speaking to "
          "compatible agents)\n");
  return 0;
}

int run_validate(invocation& in) {
  auto format = in.flags.text("config-format");
  if (!format.empty() && format != "hcl" && format != "json") return in.fail("-config-format must be either 'hcl' or 'json");
  if (in.args().empty()) return in.fail("Must specify at least one config file or directory");
  auto checked = validate(in.args(), format);
  if (!checked) return in.fail("Config validation failed: " + checked.err().text);
  if (in.flags.boolean("quiet")) return 0;
  for (auto& warning : *checked) in.error(warning);
  in.line("Configuration is valid!");
  return 0;
}

int run_keygen(invocation& in) {
  auto key = fresh_gossip_key();
  if (!key) return in.fail(key.err().text);
  in.line(*key);
  return 0;
}

// A start that hangs says on what.
void tell_of_slow_files() {
  tell_file_waits(std::chrono::seconds(3), [](const std::string& path, std::chrono::seconds since) {
    std::printf("==> Waiting for the file system for %lld seconds: %s\n", static_cast<long long>(since.count()), path.c_str());
    std::fflush(stdout);
  });
}

int run_agent(invocation& in) {
  tell_of_slow_files();
  auto request = request_from_flags(in.flags);
  if (!request) return in.fail("==> " + request.err().text);
  auto loaded = load(*request);
  if (!loaded) return in.fail("==> " + loaded.err().text);
  if (!in.hooks.run_agent) return in.fail("==> This program cannot run an agent.");
  return in.hooks.run_agent(std::move(*loaded), [r = *request] { return load(r); });
}

} // namespace

void add_local_commands(command_list& to) {
  to.push_back({"agent", "Runs a Consul agent", "[options]", "", no_flags, {}, run_agent});
  to.push_back({"version", "Prints the Consul version", "[options]", "  Prints which Consul this program behaves as, and the protocols it speaks.",
                no_flags, {text_flag("format", "Output format {pretty|json}", "string", "pretty")}, run_version});
  to.push_back({"validate", "Validate config files/directories", "[options] FILE_OR_DIRECTORY...",
                "  Reads configuration files as the agent would, in the order given, and says what\n"
                "  is wrong with them. Give everything that the agent is to be started with:\n"
                "  settings that only make sense together are checked together.\n\n"
                "  Exits with 0 when they are valid, with 1 otherwise. Valid settings that this\n"
                "  version cannot keep are warned about; with some an agent does not start.",
                no_flags,
                {text_flag("config-format", "Read every file as 'hcl' or 'json', whatever its name ends with."),
                 bool_flag("quiet", "Print nothing when all is well.")},
                run_validate});
  to.push_back({"keygen", "Generates a new encryption key", "",
                "  Prints 32 random bytes as text: a key for the agent's gossip encryption, as the\n"
                "  setting \"encrypt\" takes it.",
                no_flags, {}, run_keygen});
}

} // namespace actord::cli
