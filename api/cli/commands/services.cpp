#include "api/cli/commands/groups.hpp"
#include "runtime/base/json_writer.hpp"
#include "runtime/config/service_files.hpp"
#include <algorithm>

namespace actord::cli {
namespace {

struct split_address {
  std::string host;
  int64_t port = 0;
};

error bad_address(const std::string& why) { return {errc::bad_request, why}; }

// Go's net.SplitHostPort and Atoi, with their words.
result<split_address> split_host_port(const std::string& text) {
  auto colon = text.rfind(':');
  auto why = [&](const char* what) { return bad_address("address " + text + ": " + what); };
  if (colon == std::string::npos) return why("missing port in address");
  split_address out;
  if (text.starts_with('[')) {
    auto close = text.find(']');
    if (close == std::string::npos) return why("missing ']' in address");
    if (close + 1 != colon) return why("missing port in address");
    out.host = text.substr(1, close - 1);
  } else {
    out.host = text.substr(0, colon);
    if (out.host.find(':') != std::string::npos) return why("too many colons in address");
  }
  auto digits = text.substr(colon + 1);
  if (digits.empty() || digits.size() > 9 || !std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; }))
    return bad_address("strconv.Atoi: parsing \"" + digits + "\": invalid syntax");
  out.port = std::stoll(digits);
  return out;
}

result<file_service> service_from_flags(const parsed_flags& f) {
  file_service out{f.text("id"), f.text("name"), {}};
  json_writer w(out.json);
  w.begin_object();
  auto put = [&](const char* name, const std::string& value) {
    if (value.empty()) return;
    w.plain_key(name);
    w.string(value);
  };
  put("Kind", f.text("kind"));
  put("ID", out.id);
  put("Name", out.name);
  if (f.has("tag")) {
    w.plain_key("Tags");
    w.begin_array();
    for (auto& t : f.all("tag")) w.string(t);
    w.end_array();
  }
  if (f.integer("port") != 0) {
    w.plain_key("Port");
    w.number(f.integer("port"));
  }
  put("Address", f.text("address"));
  if (f.has("tagged-address")) {
    w.plain_key("TaggedAddresses");
    w.begin_object();
    for (auto& [name, value] : f.pairs("tagged-address")) {
      auto split = split_host_port(value);
      if (!split) return error{errc::bad_request, "Invalid Tagged Address: " + split.err().text};
      w.key(name);
      w.begin_object();
      w.plain_key("Address");
      w.string(split->host);
      w.plain_key("Port");
      w.number(split->port);
      w.end_object();
    }
    w.end_object();
  }
  if (f.has("meta")) {
    w.plain_key("Meta");
    w.begin_object();
    for (auto& [k, v] : f.pairs("meta")) {
      w.key(k);
      w.string(v);
    }
    w.end_object();
  }
  w.end_object();
  return out;
}

// The services that the words name as files; the failure has been printed already.
result<std::vector<file_service>> services_of_files(const invocation& in) {
  string_list warnings;
  auto services = read_file_services(in.args(), warnings);
  for (auto& w : warnings) in.error(w);
  if (!services) in.error("Error: " + services.err().text);
  return services;
}

int run_register(invocation& in) {
  bool by_flags = in.flags.has("name");
  std::vector<file_service> services;
  if (by_flags && !in.args().empty()) return in.fail("Service registration requires arguments or -id, not both.");
  if (by_flags) {
    auto one = service_from_flags(in.flags);
    if (!one) return in.fail(one.err().text);
    services.push_back(std::move(*one));
  } else {
    if (in.args().empty()) return in.fail("Service registration requires at least one argument or flags.");
    auto read = services_of_files(in);
    if (!read) return 1;
    services = std::move(*read);
  }
  auto client = in.connect();
  if (!client) return 1;
  for (auto& s : services) {
    api_request r{.method = "PUT", .path = "/v1/agent/service/register", .query = in.query(), .body = s.json};
    if (auto answer = client->call(r); !answer) return in.fail("Error registering service \"" + s.name + "\": " + answer.err().text);
    in.line("Registered service: " + s.name);
  }
  return 0;
}

int run_deregister(invocation& in) {
  auto id = in.flags.text("id");
  std::vector<file_service> services;
  if (in.args().empty() && id.empty()) return in.fail("Service deregistration requires at least one argument or -id.");
  if (!in.args().empty() && !id.empty()) return in.fail("Service deregistration requires arguments or -id, not both.");
  if (id.empty()) {
    auto read = services_of_files(in);
    if (!read) return 1;
    services = std::move(*read);
  } else services.push_back({id, {}, {}});
  auto client = in.connect();
  if (!client) return 1;
  for (auto& s : services) {
    auto& which = s.id.empty() ? s.name : s.id;
    api_request r{.method = "PUT", .path = "/v1/agent/service/deregister/" + which, .query = in.query()};
    if (auto answer = client->call(r); !answer) return in.fail("Error deregistering service \"" + which + "\": " + answer.err().text);
    in.line("Deregistered service: " + which);
  }
  return 0;
}

flag_spec repeated_flag(std::string name, flag_kind kind, std::string help) {
  return {.name = std::move(name), .kind = kind, .help = std::move(help), .value_word = "value"};
}

} // namespace

void add_services_commands(command_list& to) {
  to.push_back({"services", "Interact with services", "<subcommand> [options] [args]",
                "  Registers and removes services of one agent; \"catalog services\" shows those of\n  the whole cluster."});
  to.push_back({"services register", "Register services with the local agent", "[options] [FILE...]",
                "  Registers the services of configuration files (HCL or JSON), or one that the\n"
                "  flags describe. They stay until they are deregistered.\n\n"
                "      $ consul services register web.hcl\n      $ consul services register -name=web -port=80",
                client_and_server,
                {text_flag("address", "Where the service listens; the node's address when not given."), text_flag("id", "Its ID; the name when not given."),
                 text_flag("kind", "Its kind, when it is a proxy or a gateway."),
                 repeated_flag("meta", flag_kind::key_value, "Metadata as key=value. May be repeated."), text_flag("name", "Its name."), namespace_flag(),
                 flag_spec{.name = "port", .kind = flag_kind::integer, .help = "Its port.", .value_word = "int"},
                 repeated_flag("tag", flag_kind::repeated, "A tag. May be repeated."),
                 repeated_flag("tagged-address", flag_kind::key_value, "Another address, as name=address:port. May be repeated.")},
                run_register});
  to.push_back({"services deregister", "Deregister services with the local agent", "[options] [FILE...]",
                "  Removes services from the agent that they were registered with: those of\n"
                "  configuration files, or the one with the given ID.\n\n"
                "      $ consul services deregister web.hcl\n      $ consul services deregister -id=web",
                client_and_server, {text_flag("id", "ID of the service, when no files are given."), namespace_flag()}, run_deregister});
}

} // namespace actord::cli
