#include "api/cli/man_page.hpp"
#include "api/cli/command.hpp"
#include "runtime/config/field_table.hpp"
#include <algorithm>

namespace actord::cli {
namespace {

// Text that troff leaves as it is: backslashes and dashes escaped, and no line that begins as a request does.
std::string plain(std::string_view text) {
  std::string out;
  bool begins = true;
  for (char c : text) {
    if (begins && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') out += "\\e";
    else if (c == '-') out += "\\-";
    else out += c;
    begins = c == '\n';
  }
  return out;
}

std::string header(std::string_view title, int section, std::string_view date) {
  return ".TH " + std::string(title) + " " + std::to_string(section) + " " + std::string(date) + " \"consul-actord " ACTORD_VERSION "\"\n.ad l\n";
}

// The help's examples are typed as `consul`, whatever the program is called; a page of the manual has one name.
std::string with_own_name(std::string help) {
  constexpr std::string_view typed = "$ consul ";
  for (size_t at = 0; (at = help.find(typed, at)) != std::string::npos; at += typed.size()) help.replace(at, typed.size(), "$ consul-actord ");
  return help;
}

std::string as_it_stands(const std::string& text) { return ".nf\n" + plain(text) + "\n.fi\n"; }

} // namespace

std::string man_page_of_commands(std::string_view date) {
  std::string out = header("CONSUL-ACTORD", 1, date) +
                    ".SH NAME\nconsul\\-actord \\- service discovery, health checks and a key/value store in Consul's language\n"
                    ".SH SYNOPSIS\n.B consul\\-actord\n.I command\n[options] [args]\n.SH DESCRIPTION\n"
                    "Server, client agent and command line in one program, in the place of HashiCorp Consul 1.8.7. Consul's access control lists, TLS between\n"
                    "agents, HTTPS and gRPC listeners, Connect, configuration entries, snapshots, web page, and requests to other datacenters are not there.\n"
                    "Settings are in\n.BR consul\\-actord.hcl (5).\n.SH COMMANDS\n";
  std::vector<const command*> sorted;
  for (auto& c : command_table()) sorted.push_back(&c);
  std::ranges::sort(sorted, {}, &command::path);
  for (const auto* c : sorted) {
    auto help = help_of(*c);
    const std::string said = "Usage: consul ";
    help = "consul-actord " + help.substr(help.starts_with(said) ? said.size() : 0);
    out += ".SS " + plain(c->path) + "\n" + as_it_stands(with_own_name(std::move(help)));
  }
  return out + ".SH SEE ALSO\n.BR consul\\-actord.hcl (5)\n";
}

std::string man_page_of_settings(std::string_view date) {
  std::string out = header("CONSUL-ACTORD.HCL", 5, date) +
                    ".SH NAME\nconsul\\-actord.hcl \\- settings of the agent\n.SH DESCRIPTION\n"
                    "Files whose names end with .hcl or .json, given to\n.B consul\\-actord agent\nby \\-config\\-file or \\-config\\-dir; with \\-config\\-format names do not matter. A dot stands for a block: ports.dns is\n"
                    ".nf\n\n    ports {\n      dns = 8600\n    }\n\n.fi\n"
                    "Beside these settings blocks service, services, check and checks register with the agent what the HTTP API registers\n"
                    "(/v1/agent/service/register, /v1/agent/check/register), with the same fields.\n.SH SETTINGS\n";
  for (auto& row : field_table()) {
    const auto standard = default_text(row);
    out += ".TP\n.B " + plain(row.path) + "\n" + plain(row.help) + std::string(note_of(row.state));
    if (!standard.empty()) out += " Default: " + plain(standard) + (standard.ends_with('.') ? "" : ".");
    if (!row.flag.empty()) out += " Flag: \\-" + plain(row.flag) + ".";
    if (row.reloadable) out += " A reload changes it.";
    out += "\n";
  }
  return out + ".SH SEE ALSO\n.BR consul\\-actord (1)\n";
}

} // namespace actord::cli
