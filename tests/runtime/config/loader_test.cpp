#include "runtime/base/goflags.hpp"
#include "runtime/config/definition_schema.hpp"
#include "runtime/config/field_table.hpp"
#include "runtime/config/loader.hpp"
#include "runtime/config/node_id.hpp"
#include "runtime/config/steps.hpp"
#include "tests/support/tests_folder.hpp"
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <sys/stat.h>

using namespace actord;
using namespace std::chrono_literals;

namespace {

host_facts small_host() {
  host_facts host;
  host.hostname = "vm";
  host.interfaces = {{"lo", "127.0.0.1", true, true}, {"eth0", "192.168.2.2", true, false}, {"eth0", "2001:4860::8", true, false}};
  return host;
}

result<loaded_config> load_args(const std::vector<std::string>& args, const host_facts& host = small_host(), bool starting = true) {
  auto flags = agent_flags().parse(args);
  if (!flags) return flags.err();
  auto request = request_from_flags(*flags);
  if (!request) return request.err();
  request->starting = starting;
  return load(*request, host);
}

node_config must(const std::vector<std::string>& args, const host_facts& host = small_host()) {
  auto r = load_args(args, host);
  if (!r) FAIL(r.err().text);
  return r->config;
}

std::string error_of(const std::vector<std::string>& args, const host_facts& host = small_host()) {
  auto r = load_args(args, host);
  return r ? "" : r.err().text;
}

struct temporary_folder {
  std::string path = (std::filesystem::temp_directory_path() / "config-test-XXXXXX").string();
  temporary_folder() { REQUIRE(mkdtemp(path.data())); }
  ~temporary_folder() { std::filesystem::remove_all(path); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path + "/" + name, std::ios::binary) << text;
    return path + "/" + name;
  }
};

} // namespace

TEST_CASE("a bare client has Consul's defaults") {
  auto c = must({"-data-dir=/x"});
  CHECK(c.datacenter == "dc1");
  CHECK(c.primary_datacenter == "dc1");
  CHECK(c.node_name == "vm");
  CHECK(c.bind_addr == "0.0.0.0");
  CHECK(c.advertise_addr == "192.168.2.2");
  CHECK(c.advertise_addr_wan == "192.168.2.2");
  CHECK(c.leave_on_terminate);
  CHECK_FALSE(c.skip_leave_on_interrupt);
  CHECK(c.http_addrs == listen_list{{"127.0.0.1", 8500, ""}});
  CHECK(c.dns_addrs == listen_list{{"127.0.0.1", 8600, ""}});
  CHECK(c.https_addrs.empty());
  CHECK(c.rpc_bind.host_port() == "0.0.0.0:8300");
  CHECK(c.tagged_addresses == string_map{{"lan", "192.168.2.2"}, {"lan_ipv4", "192.168.2.2"}, {"wan", "192.168.2.2"}, {"wan_ipv4", "192.168.2.2"}});
  CHECK(c.raft_heartbeat_timeout == 5s);
}

TEST_CASE("-dev is a fast server on the loopback address that needs no data directory") {
  auto loaded = load_args({"-dev"});
  REQUIRE(loaded.ok());
  CHECK(loaded->warnings.empty());
  auto& c = loaded->config;
  CHECK(c.dev_mode);
  CHECK(c.server);
  CHECK(c.bind_addr == "127.0.0.1");
  CHECK(c.log_level == "DEBUG");
  CHECK(c.grpc_addrs == listen_list{{"127.0.0.1", 8502, ""}});
  CHECK_FALSE(c.leave_on_terminate);
  CHECK(c.skip_leave_on_interrupt);
  CHECK(c.raft_heartbeat_timeout == 35ms);
  CHECK(c.gossip_lan_probe_interval == 100ms);
  CHECK(must({"-dev", "-log-level=warn", "-bind=192.0.2.2"}).log_level == "WARN");
}

TEST_CASE("later sources win: files in order, then fragments, then flags") {
  temporary_folder dir;
  dir.write("b.json", R"({"datacenter":"from-b","retry_join":["b"],"node_meta":{"x":"b","y":"b"},"service":{"name":"b"}})");
  dir.write("a.hcl", "datacenter = \"from-a\" retry_join = [\"a\"] node_meta { x = \"a\" } services { name = \"a\" } server = true");
  const auto single = dir.write("c.hcl", "domain = \"C\" node_name = \"from-c\"");
  std::filesystem::create_directory(dir.path + "/deeper");
  auto c = must({"-config-dir=" + dir.path, "-hcl", "node_name = \"from-hcl\" log_level = \"err\"", "-log-level=trace", "-data-dir=/x",
                 "-retry-join=flag", "-node-meta=z:f:g", "-config-file", single});
  CHECK(c.datacenter == "from-b");
  CHECK(c.node_name == "from-hcl");
  CHECK(c.log_level == "TRACE");
  CHECK(c.retry_join == string_list{"a", "b", "flag"});
  CHECK(c.node_meta == string_map{{"x", "b"}, {"y", "b"}, {"z", "f:g"}});
  CHECK(c.domain == "c.");
  REQUIRE(c.services.size() == 2);
  CHECK(c.services[0].find("name")->string == "a");
  CHECK(c.services[1].where() == dir.path + "/b.json:1");
}

TEST_CASE("errors on the command line are Consul's") {
  CHECK(error_of({"-dns-port=5", "extra"}) == "Unexpected extra arguments: [extra]");
  CHECK(error_of({"-config-format=foo"}) == "config: -config-format must be either 'hcl' or 'json'");
  CHECK(error_of({"-config-file=/nonexist"}) == "config: Open failed on /nonexist. open /nonexist: no such file or directory");
  CHECK(error_of({"-log-level=foo", "-dev"}) == "Invalid log level: foo. Valid log levels are: [TRACE DEBUG INFO WARN ERR ERROR]");
  CHECK(error_of({"-hcl=foo", "-dev"}) == "failed to parse flags-0.hcl: At 1:5: key 'foo' expected start of object ('{') or assignment ('=')");
  CHECK(error_of({"-retry-interval=x", "-data-dir=/x"}) ==
        "1 error occurred:\n\t* retry_interval: invalid duration: \"x\": time: invalid duration \"x\"\n\n");
  CHECK(error_of({"-node-meta=a"}) == "data_dir cannot be empty");
  CHECK(error_of({"-dev", "-bootstrap-expect=3"}) == "'bootstrap_expect > 0' not allowed in dev mode");
}

TEST_CASE("addresses come from templates, interfaces and per-listener overrides") {
  auto c = must({"-data-dir=/x", "-bind={{ GetInterfaceIP \"eth0\" }}", "-client", "{{ GetPrivateIP }} 127.0.0.1", "-hcl",
                 "addresses { http = \"unix:///run/x.sock 127.0.0.1\" } ports { https = 8501 grpc = 0 }"});
  CHECK(c.bind_addr == "192.168.2.2");
  CHECK(c.client_addrs == string_list{"192.168.2.2", "127.0.0.1"});
  CHECK(c.http_addrs == listen_list{{"", -1, "/run/x.sock"}, {"127.0.0.1", 8500, ""}});
  CHECK(c.https_addrs.size() == 2);
  CHECK(c.grpc_addrs.empty());
  CHECK(must({"-data-dir=/x", "-bind=::"}).advertise_addr == "2001:4860::8");
  auto two = small_host();
  two.interfaces.push_back({"eth1", "10.0.0.1", true, false});
  CHECK(error_of({"-data-dir=/x"}, two) == "Multiple private IPv4 addresses found. Please configure one with 'bind' and/or 'advertise'.\n"
                                           "This machine has:\n    -bind=192.168.2.2      eth0\n    -bind=10.0.0.1         eth1");
  CHECK(must({"-data-dir=/x", "-advertise=10.0.0.1"}, two).advertise_addr == "10.0.0.1");
}

TEST_CASE("the address to advertise is the host's only private one, as Consul looks for it") {
  const auto host_of = [](std::vector<host_facts::interface_address> all) {
    host_facts host;
    host.hostname = "vm";
    host.interfaces = std::move(all);
    return host;
  };
  const host_facts::interface_address lo{"lo", "127.0.0.1", true, true};
  const auto at = [](const char* ip) { return host_facts::interface_address{"eth0", ip, true, false}; };
  const auto found = [&](std::vector<host_facts::interface_address> all, std::vector<std::string> args = {"-data-dir=/x"}) {
    const auto host = host_of(std::move(all));
    auto r = load_args(args, host);
    auto text = r ? r->config.advertise_addr : r.err().text;
    return text.substr(0, text.find('\n')); // without what there is to choose from
  };
  const std::string none = "No private IPv4 address found",
                    several = "Multiple private IPv4 addresses found. Please configure one with 'bind' and/or 'advertise'.";
  CHECK(found({lo}) == "127.0.0.1"); // nothing else is up
  CHECK(found({}) == none);
  CHECK(found({lo, {"lo", "10.1.1.1", true, true}}) == several);
  CHECK(found({lo, {"eth0", "10.1.1.1", false, false}}) == "127.0.0.1");
  CHECK(found({lo, at("8.8.8.8")}) == none);
  CHECK(found({lo, at("fd00::1")}) == none);
  CHECK(found({lo, at("10.1.1.1"), at("192.168.3.3")}) == several);
  CHECK(found({lo, at("169.254.1.1"), at("8.8.8.8")}) == "169.254.1.1");
  for (auto* ip : {"10.0.0.5", "100.127.255.254", "127.5.0.1", "169.254.3.3", "172.20.0.5", "192.0.0.5", "192.0.2.5", "192.168.3.3"})
    CHECK(found({lo, at(ip)}) == ip);
  for (auto* ip : {"198.18.0.5", "198.51.100.5", "203.0.113.5", "240.0.0.5", "224.0.0.5", "0.1.2.3", "172.32.0.1"}) CHECK(found({lo, at(ip)}) == none);
  const std::vector<std::string> any6 = {"-data-dir=/x", "-bind=[::]"};
  for (auto* ip : {"2001:4860::1", "64:ff9b::1", "2002::1", "2a02::5", "100::1", "::5", "2001:10::1"}) CHECK(found({lo, at(ip)}, any6) == ip);
  for (auto* ip : {"fd00::1", "fe80::5", "fec0::1", "2001:db8::1"}) CHECK(found({lo, at(ip)}, any6) == "No public IPv6 address found");
  CHECK(found({lo, {"lo", "::1", true, true}}, any6) == "No public IPv6 address found");
  CHECK(found({lo, at("2a02::5"), at("2a02::6")}, any6).starts_with("Multiple public IPv6 addresses found."));
}

TEST_CASE("the host's address is looked for last: first comes what is wrong with the settings") {
  const host_facts bare{"vm", {}, 0};
  CHECK(error_of({"-bind=0.0.0.0"}, bare) == "data_dir cannot be empty");
  CHECK(error_of({"-data-dir=/x", "-bootstrap"}, bare) == "'bootstrap = true' requires 'server = true'");
  CHECK(error_of({"-data-dir=/x", "-datacenter=a b"}, bare).starts_with("datacenter cannot be"));
  CHECK(error_of({"-data-dir=/x", "-encrypt=***"}, bare).starts_with("encrypt has invalid key"));
  CHECK(error_of({"-data-dir=/x"}, bare) == "No private IPv4 address found");
}

TEST_CASE("addresses are kept as Go prints them, and [::] is ::") {
  const std::vector<std::string> base = {"-data-dir=/x", "-bind=127.0.0.1"};
  const auto with = [&](const char* flag) {
    auto args = base;
    args.push_back(flag);
    return args;
  };
  CHECK(must({"-data-dir=/x", "-bind=[::]"}).bind_addr == "::");
  CHECK(must(with("-client=[::] 01.2.3.4")).client_addrs == string_list{"::", "1.2.3.4"});
  CHECK(must(with("-serf-lan-bind=[::]")).serf_lan == "::");
  CHECK(must(with("-serf-wan-bind=[::]")).serf_wan == "::");
  CHECK(must(with("-hcl=addresses { http = \"[::]\" }")).http_addrs == listen_list{{"::", 8500, ""}});
  for (auto* other : {"[::1]", "[fe80::1%eth0]", "fe80::1%eth0", "[1.2.3.4]", "1.2.3.4:80", "[::", "localhost", "1.2.3", "1.2.3.4,5.6.7.8"}) {
    CAPTURE(other);
    CHECK(error_of({"-data-dir=/x", std::string("-bind=") + other}) == "bind_addr cannot be empty");
    CHECK(error_of(with((std::string("-client=") + other).c_str())) == std::string("1 error occurred:\n\t* client_addr: invalid ip address: ") + other + "\n\n");
    CHECK(error_of(with((std::string("-serf-lan-bind=") + other).c_str())) == std::string("1 error occurred:\n\t* serf_lan: invalid ip address: ") + other + "\n\n");
  }
  CHECK(error_of(with("-client=unix:///a")) == "1 error occurred:\n\t* client_addr cannot be a unix socket\n\n");
  CHECK(error_of(with("-serf-wan-bind=1.2.3.4\t5.6.7.8\n9.9.9.9")) ==
        "1 error occurred:\n\t* serf_wan: multiple addresses found: 1.2.3.4 5.6.7.8 9.9.9.9\n\n");
  CHECK(error_of({"-data-dir=/x", "-bind=1.2.3.4 5.6.7.8"}) == "bind_addr cannot contain multiple addresses. Use 'addresses.{dns,http,https}' instead.");
  CHECK(error_of({"-data-dir=/x", "-bind=unix:///a"}) == "bind_addr cannot be a unix socket");
  CHECK(error_of({"-data-dir=/x", "-advertise=[::]"}) == "Advertise address cannot be 0.0.0.0, :: or [::]");
  CHECK(must({"-data-dir=/x", "-advertise=0:0:0:0:0:0:0:0"}).advertise_addr == "2001:4860::8");
}

TEST_CASE("every setting with addresses takes templates, and those with several take several") {
  auto c = must({"-data-dir=/x", "-bind={{ GetInterfaceIP \"eth\" }}", "-retry-join={{ \"10.0.0.1 10.0.0.2\" }}", "-retry-join=  a  b ",
                 "-join={{ GetInterfaceIP \"eth0\" }}:8301", "-join-wan={{ \"\" }}", "-recursor={{ \"1.2.3.4 ::5\" }}",
                 "-hcl=addresses { dns = \"{{ GetAllInterfaces | include `type` `IPv4` | join `address` ` ` }}\" }"});
  CHECK(c.bind_addr == "192.168.2.2");
  CHECK(c.retry_join == string_list{"10.0.0.1", "10.0.0.2", "  a  b "});
  CHECK(c.start_join == string_list{"192.168.2.2:8301"});
  CHECK(c.start_join_wan.empty());
  CHECK(c.recursors == string_list{"1.2.3.4:53", "[::5]:53"});
  CHECK(c.dns_addrs.size() == 2);
  for (auto* key : {"start_join", "start_join_wan", "retry_join", "retry_join_wan"})
    CHECK(error_of({"-data-dir=/x", "-bind=127.0.0.1", std::string("-hcl=") + key + " = [\"{{ nope }}\"]"}) ==
          std::string("1 error occurred:\n\t* ") + key +
              ": error parsing \"{{ nope }}\": unable to parse template \"{{ nope }}\": template: sockaddr.Parse:1: function \"nope\" not defined\n\n");
}

TEST_CASE("recursors get port 53, domains a final dot") {
  auto c = must({"-dev", "-recursor=1.1.1.1", "-recursor=8.8.8.8:54", "-recursor=::1", "-domain=Foo", "-alt-domain=bar"});
  CHECK(c.recursors == string_list{"1.1.1.1:53", "8.8.8.8:54", "[::1]:53"});
  CHECK(c.domain == "foo.");
  CHECK(c.alt_domain == "bar.");
}

TEST_CASE("old ACL spellings fill the new settings unless those are set") {
  const std::vector<std::string> args{"-dev", "-hcl", "acl_agent_token = \"a\" acl_default_policy = \"deny\" acl { default_policy = \"allow\" } acl_datacenter = \"DC2\""};
  const auto valid = load_args(args, small_host(), false);
  REQUIRE(valid.ok());
  CHECK(error_of(args).starts_with("acl.enabled: "));
  const auto& c = valid->config;
  CHECK(c.acl_token_agent == "a");
  CHECK(c.acl_default_policy == "allow");
  CHECK(c.acl_enabled);
  CHECK(c.primary_datacenter == "dc2");
}

TEST_CASE("a key without effect warns once it asks for one, and not under -dev's own settings") {
  auto r = load_args({"-dev", "-hcl", "ui_config { enabled = true } auto_encrypt { tls = false } raft_protocol = 2 "
                      "use_streaming_backend = false ae_interval = \"5m\""});
  REQUIRE(r.ok());
  CHECK(r->warnings == string_list{"ae_interval cannot be set by users and is ignored", "raft_protocol is accepted but has no effect yet",
                                   "ui_config is accepted but has no effect yet"});
  CHECK(r->config.ae_interval == 1min);
}

TEST_CASE("what was taken without a word warns, what works does not") {
  const auto warnings = [](const std::string& hcl) { return load_args({"-dev", "-hcl", hcl})->warnings; };
  const auto warns = [&](const std::string& hcl, const std::string& key) {
    CAPTURE(hcl);
    CHECK(warnings(hcl) == string_list{key + " is accepted but has no effect yet"});
  };
  warns("ports { https = 8501 }", "ports.https");
  warns("ports { grpc = 8503 }", "ports.grpc");
  warns("addresses { https = \"127.0.0.1\" }", "addresses.https");
  warns("addresses { grpc = \"127.0.0.1\" }", "addresses.grpc");
  warns("tls_min_version = \"tls13\"", "tls_min_version");
  warns("verify_incoming_https = true", "verify_incoming_https");
  warns("limits { https_handshake_timeout = \"1s\" }", "limits.https_handshake_timeout");
  warns("primary_datacenter = \"elsewhere\"", "primary_datacenter");
  warns("disable_host_node_id = false", "disable_host_node_id");
  warns("translate_wan_addrs = true", "translate_wan_addrs");
  CHECK(warnings("primary_datacenter = \"dc1\"").empty());
  CHECK(warnings("limits { rpc_rate = 10 rpc_max_burst = 5 rpc_max_conns_per_client = 7 }").empty());
}

TEST_CASE("no agent starts that was asked for what would leave it open, and validate says so") {
  const auto refuses = [](const std::string& hcl, const std::string& key) {
    CAPTURE(hcl);
    CHECK(error_of({"-dev", "-hcl", hcl}).starts_with(key + ": "));
    const auto valid = load_args({"-dev", "-hcl", hcl}, small_host(), false);
    REQUIRE(valid.ok());
    REQUIRE(valid->warnings.size() == 1);
    CHECK(valid->warnings[0].starts_with(key.substr(0, key.find(".enabled")) + (key == "acl.enabled" ? ".enabled" : "") + " is accepted but has no effect yet"));
  };
  refuses("acl { enabled = true }", "acl.enabled");
  refuses("verify_incoming = true", "verify_incoming");
  refuses("verify_incoming_rpc = true", "verify_incoming_rpc");
  refuses("verify_outgoing = true", "verify_outgoing");
  refuses("verify_server_hostname = true", "verify_server_hostname");
  refuses("auto_encrypt { tls = true }", "auto_encrypt.tls");
  refuses("tls { defaults { verify_incoming = true } }", "tls");
  refuses("tls { internal_rpc { verify_server_hostname = true } }", "tls");
  refuses("auto_config { enabled = true }", "auto_config.enabled");
  CHECK(error_of({"-dev", "-hcl", "tls { defaults { verify_incoming = false } } auto_config { enabled = false }"}).empty());
}

TEST_CASE("DebugConfig shows what is, not what was asked for in vain") {
  auto c = must({"-dev", "-https-port=8501", "-hcl", "translate_wan_addrs = true tls_min_version = \"tls13\" verify_incoming_https = true "
                 "raft_protocol = 2 non_voting_server = true primary_datacenter = \"elsewhere\""});
  const auto shown = parse_json_value(debug_config_json(c));
  REQUIRE(shown.ok());
  const auto is = [&](const char* key, const char* value) {
    CAPTURE(key);
    REQUIRE(shown->find(key));
    CHECK(to_json(*shown->find(key)) == value);
  };
  is("HTTPSPort", "-1"), is("HTTPSAddrs", "[]"), is("GRPCPort", "-1"), is("GRPCAddrs", "[]");
  is("TranslateWANAddrs", "false"), is("VerifyIncomingHTTPS", "false"), is("TLSMinVersion", "\"tls12\"");
  is("ConsulRaftElectionTimeout", "\"100ms\"");
  is("NonVotingServer", "false"), is("PrimaryDatacenter", "\"dc1\""), is("ACLDatacenter", "\"dc1\"");
}

TEST_CASE("definitions reach the agent with canonical keys, in the API's shape when asked") {
  auto c = must({"-dev", "-hcl",
                 "service { Name = \"web\" tagged_addresses { lan { address = \"1.2.3.4\" port = 5 } } enable_tag_override = true "
                 "checks = [{ ScriptArgs = [\"a\"] interval = \"5s\" id = \"c\" tlsskipverify = true }] proxy { config { my_key = 1 } } }"});
  REQUIRE(c.services.size() == 1);
  CHECK(service_to_api_json(c.services[0]) ==
        R"({"TaggedAddresses":{"lan":{"Address":"1.2.3.4","Port":5}},"EnableTagOverride":true,)"
        R"("Checks":[{"Interval":"5s","CheckID":"c","Args":["a"],"TLSSkipVerify":true}],"Proxy":{"Config":{"my_key":1}},"Name":"web"})");
}

TEST_CASE("a reload takes the settings that may change and keeps the rest") {
  auto before = must({"-dev", "-hcl", "check { name = \"a\" ttl = \"1s\" }"});
  auto after = must({"-dev", "-http-port=9999", "-recursor=1.1.1.1", "-hcl", "check { name = \"b\" ttl = \"1s\" } dns_config { node_ttl = \"5s\" }"});
  auto changes = reloadable_changes(before, after);
  CHECK(changes.reloadable == string_list{"dns_config.node_ttl", "recursors", "checks"});
  CHECK(changes.fixed == string_list{"ports.http"});
  auto now = apply_reload(before, after);
  CHECK(now.dns_node_ttl == 5s);
  CHECK(now.port_http == 8500);
  CHECK(now.checks == after.checks);
}

TEST_CASE("the node id is drawn once and kept") {
  temporary_folder dir;
  const auto data = dir.path + "/data";
  auto first = load_or_create_node_id(data);
  REQUIRE(first.ok());
  CHECK(is_uuid(*first));
  auto second = load_or_create_node_id(data);
  REQUIRE(second.ok());
  CHECK(*first == *second);
  struct stat st{};
  REQUIRE(stat((data + "/node-id").c_str(), &st) == 0);
  CHECK((st.st_mode & 0777) == 0600);
  for (const char* around : {"\n", "\t", " \r\n", "\v"}) { // as editors leave it
    std::ofstream(data + "/node-id") << around << *first << around;
    auto again = load_or_create_node_id(data);
    REQUIRE(again.ok());
    CHECK(*again == *first);
  }
  std::ofstream(data + "/node-id") << "nonsense";
  CHECK_FALSE(load_or_create_node_id(data).ok());
  node_config c;
  c.node_id = "11111111-2222-3333-4444-555555555555";
  CHECK(*resolve_node_id(c) == c.node_id);
}

TEST_CASE("a node id that a crash left empty is made anew for a client, with a warning, and never for a server with a log") {
  temporary_folder dir;
  node_config c;
  c.data_dir = dir.path;
  for (const std::string& left : {std::string(), std::string(36, '\0'), std::string("\n")}) {
    std::ofstream(dir.path + "/node-id") << left;
    string_list warnings;
    c.server = false;
    const auto id = resolve_node_id(c, warnings);
    REQUIRE(id.ok());
    CHECK(is_uuid(*id));
    REQUIRE(warnings.size() == 1);
    CHECK(warnings[0].find(dir.path + "/node-id") != std::string::npos);
    CHECK(*resolve_node_id(c) == *id);
  }
  std::ofstream(dir.path + "/node-id") << "";
  std::filesystem::create_directories(dir.path + "/raft");
  std::ofstream(dir.path + "/raft/data.mdb") << "x";
  c.server = true;
  const auto refused = resolve_node_id(c);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.err().text.find("NodeID in " + dir.path + "/node-id is invalid") != std::string::npos);
  CHECK(std::filesystem::file_size(dir.path + "/node-id") == 0);
  std::filesystem::remove(dir.path + "/node-id");
  std::filesystem::create_symlink("node-id", dir.path + "/node-id");
  CHECK(resolve_node_id(c).err().text == "failed to setup node ID: open " + dir.path + "/node-id: too many levels of symbolic links");
}

TEST_CASE("a configuration file that cannot be read is no empty one") {
  temporary_folder dir;
  const auto folder = dir.path + "/conf";
  std::filesystem::create_directories(folder + "/sub.json"); // not walked
  std::ofstream(folder + "/a.json") << R"({"node_name":"a"})";
  auto outcome = [&] { return load_args({"-data-dir=" + dir.path, "-bind=127.0.0.1", "-config-dir=" + folder}); };
  REQUIRE(outcome().ok());
  std::filesystem::create_symlink("nowhere.json", folder + "/b.json");
  CHECK(outcome().err().text == "lstat " + folder + "/nowhere.json: no such file or directory");
  std::filesystem::remove(folder + "/b.json");
  std::filesystem::create_symlink("c.json", folder + "/c.json");
  CHECK(outcome().err().text == "EvalSymlinks: too many links");
}

TEST_CASE("DebugConfig of -dev is that of Consul 1.8.7, without what is not there") {
  auto c = must({"-dev", "-node=vm", "-node-id=facc91dd-2054-ee86-1d4e-22eb915da25c", "-data-dir=/data", "-http-port=38500", "-dns-port=38600",
                 "-server-port=38300", "-serf-lan-port=38301", "-serf-wan-port=38302", "-grpc-port=38502"});
  auto ours = parse_json_value(debug_config_json(c));
  std::ifstream in(actord::test::tests_folder() + "/runtime/config/debug_config_dev.json");
  std::stringstream text;
  text << in.rdbuf();
  auto theirs = parse_json_value(text.str());
  REQUIRE(ours.ok());
  REQUIRE(theirs.ok());
  const std::map<std::string, std::string> absent{{"ConnectEnabled", "false"}, {"EnableDebug", "false"}, {"EnableUI", "false"},
                                                  {"GRPCAddrs", "[]"}, {"GRPCPort", "-1"},
                                                  {"ConsulRaftElectionTimeout", "\"100ms\""}, {"ConsulRaftHeartbeatTimeout", "\"100ms\""},
                                                  {"ConsulRaftLeaderLeaseTimeout", "\"81ms\""}};
  for (auto& [key, value] : theirs->object) {
    CAPTURE(key);
    const auto* mine = ours->find(key);
    REQUIRE(mine);
    if (value.is_object()) {
      for (auto& [name, inner] : value.object) {
        CAPTURE(name);
        REQUIRE(mine->find(name));
        CHECK(to_json(*mine->find(name)) == to_json(inner));
      }
    } else if (const auto other = absent.find(key); other != absent.end()) {
      CHECK(to_json(*mine) == other->second);
    } else if (key != "DataDir") {
      CHECK(to_json(*mine) == to_json(value));
    }
  }
}

TEST_CASE("what clients of the server port may make us hold has bounds") {
  const auto with = [](const std::string& bytes) { return load_args({"-dev", "-hcl", "limits { rpc_max_held_bytes = " + bytes + " }"}); };
  CHECK(with("33554432")->config.rpc_max_held_bytes == 33554432);
  CHECK(with("0")->config.rpc_max_held_bytes == 0);
  for (auto bytes : {"1", "-1", "33554431", "1099511627777"})
    CHECK(with(bytes).err().text == "limits.rpc_max_held_bytes cannot be " + std::string(bytes) + ". Must be 0 or between 33554432 and 1099511627776");
  CHECK(field_reference_markdown().find("| limits.rpc_max_held_bytes | int | 0 |") != std::string::npos);
}

TEST_CASE("secrets do not show in DebugConfig") {
  auto c = must({"-dev", "-encrypt=MDEyMzQ1Njc4OTAxMjM0NQ==", "-hcl", "acl { tokens { master = \"s3cret\" } } service { name = \"a\" token = \"s3cret\" }"});
  const auto json = debug_config_json(c);
  CHECK(json.find("s3cret") == std::string::npos);
  CHECK(json.find("MDEyMzQ1") == std::string::npos);
}

TEST_CASE("secrets inside values do not show in DebugConfig, what stands beside them does") {
  temporary_folder f;
  const auto file = f.write("a.json", R"({
    "retry_join": ["provider=aws tag_value=shown0 access_key_id=S3C0 secret_access_key=\"S3C1 x\"", "provider=os user_name=shown1 password=S3C2"],
    "retry_join_wan": ["provider=do api_token=S3C3"], "start_join": ["auth_token=S3C4"],
    "http_config": {"response_headers": {"X-Api-Key": "S3C5", "X-Other": "shown2"}},
    "node_meta": {"api_token": "S3C6", "rack": "shown3"},
    "connect": {"ca_provider": "vault", "ca_config": {"address": "http://u:S3C7@h", "token": "S3C8"}},
    "services": [{"name": "a", "token": "S3C9", "check": {"http": "http://u:S3CA@h/shown5", "interval": "1s", "header": {"Authorization": ["Bearer S3CB"], "x-shown6": ["y"]}}}],
    "checks": [{"name": "c", "args": ["shown4", "--password=S3CC"], "interval": "1s", "token": "S3CD"}],
    "watches": [{"type": "nodes", "token": "S3CE", "handler_type": "http", "http_handler_config": {"path": "http://u:S3CF@h", "header": {"Cookie": ["S3CG"]}}}]})");
  const auto json = debug_config_json(must({"-dev", "-config-file=" + file}));
  CAPTURE(json);
  CHECK(json.find("S3C") == std::string::npos);
  for (int i = 0; i < 7; ++i) CHECK(json.find("shown" + std::to_string(i)) != std::string::npos);
  CHECK(json.find(R"("provider=aws tag_value=shown0 access_key_id=hidden secret_access_key=hidden")") != std::string::npos);
  CHECK(error_of({"-dev", "-hcl=retry_join = [\"provider=x token=S3C {{ nope }}\"]"}).find("S3C") == std::string::npos);
}

TEST_CASE("every row of the table is sound") {
  std::set<std::string_view> paths, flags, names;
  for (auto& row : field_table()) {
    CAPTURE(row.path);
    CHECK(paths.insert(row.path).second);
    CHECK_FALSE(row.help.empty());
    if (!row.flag.empty()) CHECK(flags.insert(row.flag).second);
    if (!row.go_name.empty()) CHECK(names.insert(row.go_name).second);
  }
  CHECK(agent_flags().specs().size() == 65);
  CHECK(agent_help().find("  -dns-port=<value>\n     DNS port") != std::string::npos);
  CHECK(agent_help().find("  -node-meta=<key:value>\n") != std::string::npos);
  CHECK(field_reference_markdown().find("| ports.dns | int | 8600 | -dns-port |") != std::string::npos);
}
