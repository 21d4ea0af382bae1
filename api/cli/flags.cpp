// The flags that commands share, and what they and the environment make of a connection.
#include "api/cli/command.hpp"
#include "api/cli/link.hpp"
#include "runtime/base/files.hpp"

namespace actord::cli {

flag_spec bool_flag(std::string name, std::string help) {
  return {.name = std::move(name), .kind = flag_kind::boolean, .help = std::move(help)};
}
flag_spec text_flag(std::string name, std::string help, std::string word, std::string shown_default) {
  return {.name = std::move(name), .kind = flag_kind::text, .help = std::move(help), .value_word = std::move(word),
          .shown_default = std::move(shown_default)};
}
flag_spec uint_flag(std::string name, std::string help) {
  return {.name = std::move(name), .kind = flag_kind::unsigned_integer, .help = std::move(help), .value_word = "uint"};
}
flag_spec namespace_flag() {
  return text_flag("namespace", "Namespace to work in (CONSUL_NAMESPACE). Servers without namespaces refuse any.", "default");
}

std::vector<flag_spec> shared_flags(unsigned groups) {
  std::vector<flag_spec> out;
  auto add = [&](const char* name, const char* help, const char* word = "value") { out.push_back(text_flag(name, help, word)); };
  if (groups & client_flags) {
    add("ca-file", "PEM file of the authorities that the agent's certificate is checked against. Also CONSUL_CACERT.");
    add("ca-path", "Directory of such PEM files. Also CONSUL_CAPATH.");
    add("client-cert", "PEM file of the certificate to show to an agent that verifies its clients. Also CONSUL_CLIENT_CERT.");
    add("client-key", "PEM file of that certificate's key. Also CONSUL_CLIENT_KEY.");
    add("http-addr",
        "Where the agent's HTTP API listens: host:port, a URL, or unix://path. Also CONSUL_HTTP_ADDR; "
        "127.0.0.1:8500 when neither is given. CONSUL_HTTP_SSL=true makes it HTTPS.",
        "address");
    add("tls-server-name", "Name to expect in the agent's certificate instead of its address. Also CONSUL_TLS_SERVER_NAME.");
    add("token", "ACL token to send. Also CONSUL_HTTP_TOKEN. Agents without ACLs, such as this program's, take no notice of it.");
    add("token-file", "File that holds the ACL token; it wins over -token and CONSUL_HTTP_TOKEN. Also CONSUL_HTTP_TOKEN_FILE.");
  }
  if (groups & datacenter_flag) add("datacenter", "Datacenter to ask; that of the agent when it is not given.");
  if (groups & stale_flag)
    out.push_back(bool_flag("stale", "Let any server answer, not only the leader: quicker, and possibly behind. Reads only."));
  return out;
}

std::unique_ptr<http_client> invocation::connect() const {
  auto flag_or_env = [&](const char* flag, const char* name) { return flags.has(flag) ? flags.text(flag) : io.env(name); };
  client_settings s;
  if (auto address = flag_or_env("http-addr", "CONSUL_HTTP_ADDR"); !address.empty()) s.address = address;
  s.token = flag_or_env("token", "CONSUL_HTTP_TOKEN");
  s.token_file = flag_or_env("token-file", "CONSUL_HTTP_TOKEN_FILE");
  s.ca_file = flag_or_env("ca-file", "CONSUL_CACERT");
  s.ca_path = flag_or_env("ca-path", "CONSUL_CAPATH");
  s.client_cert = flag_or_env("client-cert", "CONSUL_CLIENT_CERT");
  s.client_key = flag_or_env("client-key", "CONSUL_CLIENT_KEY");
  s.tls_server_name = flag_or_env("tls-server-name", "CONSUL_TLS_SERVER_NAME");
  s.user_password = io.env("CONSUL_HTTP_AUTH");
  auto read_switch = [&](const char* name, bool& into) {
    auto text = io.env(name);
    bool given = false;
    if (text.empty()) return;
    if (parse_go_bool(text, given)) into = given;
    else error("[WARN]  consul-api: could not parse " + std::string(name) + ": error=\"strconv.ParseBool: parsing \"" + text +
               "\": invalid syntax\"");
  };
  read_switch("CONSUL_HTTP_SSL", s.tls);
  read_switch("CONSUL_HTTP_SSL_VERIFY", s.verify);
  auto client = http_client::open(std::move(s));
  if (client) return std::move(*client);
  error("Error connecting to Consul agent: " + client.err().text);
  return nullptr;
}

query_list invocation::query() const {
  query_list out;
  if (auto dc = flags.text("datacenter"); !dc.empty()) out.emplace_back("dc", dc);
  if (flags.boolean("stale")) out.emplace_back("stale", "");
  auto ns = flags.has("namespace") ? flags.text("namespace") : io.env("CONSUL_NAMESPACE");
  if (!ns.empty()) out.emplace_back("ns", ns);
  return out;
}

result<std::string> read_argument(const invocation& in, const std::string& word) {
  if (word == "-") return in.io.read_stdin();
  if (!word.starts_with('@')) return word;
  auto text = read_whatever(word.substr(1));
  if (!text || !*text) return actord::error{errc::bad_request, "Failed to read file: " + (text ? file_error("open", word.substr(1), ENOENT) : text.err()).text};
  return std::move(**text);
}

} // namespace actord::cli
