#include "runtime/base/goflags.hpp"
#include "runtime/config/definition_schema.hpp"
#include "runtime/config/field_table.hpp"
#include "runtime/config/loader.hpp"
#include "runtime/config/steps.hpp"
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <sys/stat.h>

using namespace actord;
using namespace std::chrono_literals;

namespace {

host_facts small_host() {
  host_facts host;
  host.hostname = "vm";
  host.interfaces = {{"lo", "127.0.0.1", true, true}, {"eth0", "192.0.2.2", true, false}, {"eth0", "2001:4860::8", true, false}};
  return host;
}

result<loaded_config> load_args(const std::vector<std::string>& args, const host_facts& host = small_host()) {
  auto flags = agent_flags().parse(args);
  if (!flags) return flags.err();
  auto request = request_from_flags(*flags);
  if (!request) return request.err();
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
  CHECK(c.advertise_addr == "192.0.2.2");
  CHECK(c.advertise_addr_wan == "192.0.2.2");
  CHECK(c.leave_on_terminate);
  CHECK_FALSE(c.skip_leave_on_interrupt);
  CHECK(c.http_addrs == listen_list{{"127.0.0.1", 8500, ""}});
  CHECK(c.dns_addrs == listen_list{{"127.0.0.1", 8600, ""}});
  CHECK(c.https_addrs.empty());
  CHECK(c.rpc_bind.host_port() == "0.0.0.0:8300");
  CHECK(c.tagged_addresses == string_map{{"lan", "192.0.2.2"}, {"lan_ipv4", "192.0.2.2"}, {"wan", "192.0.2.2"}, {"wan_ipv4", "192.0.2.2"}});
  CHECK(c.raft_election_timeout == 5s);
  CHECK(c.raft_leader_lease_timeout == 2500ms);
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
  CHECK(c.raft_election_timeout == 52ms);
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
  CHECK(c.bind_addr == "192.0.2.2");
  CHECK(c.client_addrs == string_list{"192.0.2.2", "127.0.0.1"});
  CHECK(c.http_addrs == listen_list{{"", -1, "/run/x.sock"}, {"127.0.0.1", 8500, ""}});
  CHECK(c.https_addrs.size() == 2);
  CHECK(c.grpc_addrs.empty());
  CHECK(must({"-data-dir=/x", "-bind=::"}).advertise_addr == "2001:4860::8");
  auto two = small_host();
  two.interfaces.push_back({"eth1", "10.0.0.1", true, false});
  CHECK(error_of({"-data-dir=/x"}, two) == "Multiple private IPv4 addresses found. Please configure one with 'bind' and/or 'advertise'.");
  CHECK(must({"-data-dir=/x", "-advertise=10.0.0.1"}, two).advertise_addr == "10.0.0.1");
  CHECK(error_of({"-data-dir=/x"}, host_facts{"h", {}, 0}) == "No private IPv4 address found");
}

TEST_CASE("address templates know the usual pipelines and refuse the others by name") {
  const auto host = small_host();
  const auto text = [&](const char* t) {
    auto r = expand_template(t, host);
    return r ? *r : "error: " + r.err().text;
  };
  CHECK(text("a {{ GetInterfaceIP \"lo\" }} b") == "a 127.0.0.1 b");
  CHECK(text("{{ GetPublicIP }}") == "2001:4860::8");
  CHECK(text("{{ GetAllInterfaces | include \"name\" \"^eth\" | exclude \"type\" \"ipv6\" | attr \"address\" }}") == "192.0.2.2");
  CHECK(text("{{ GetAllInterfaces | include \"flags\" \"up\" | join \"address\" \" \" }}") == "127.0.0.1 192.0.2.2 2001:4860::8");
  CHECK(text("{{ GetAllInterfaces }}").starts_with("error: "));
  CHECK(text("{{ sort \"x\" }}").find("\"sort\" is not defined or not supported") != std::string::npos);
  CHECK(text("{{ GetPrivateIP").starts_with("error: "));
}

TEST_CASE("recursors get port 53, domains a final dot") {
  auto c = must({"-dev", "-recursor=1.1.1.1", "-recursor=8.8.8.8:54", "-recursor=::1", "-domain=Foo", "-alt-domain=bar"});
  CHECK(c.recursors == string_list{"1.1.1.1:53", "8.8.8.8:54", "[::1]:53"});
  CHECK(c.domain == "foo.");
  CHECK(c.alt_domain == "bar.");
}

TEST_CASE("old ACL spellings fill the new settings unless those are set") {
  auto c = must({"-dev", "-hcl", "acl_agent_token = \"a\" acl_default_policy = \"deny\" acl { default_policy = \"allow\" } acl_datacenter = \"DC2\""});
  CHECK(c.acl_token_agent == "a");
  CHECK(c.acl_default_policy == "allow");
  CHECK(c.acl_enabled);
  CHECK(c.primary_datacenter == "dc2");
}

TEST_CASE("a key without effect warns once it asks for one, and not under -dev's own settings") {
  auto r = load_args({"-dev", "-hcl", "ui_config { enabled = true } auto_encrypt { tls = false } raft_protocol = 2 "
                      "use_streaming_backend = false ae_interval = \"5m\""});
  REQUIRE(r.ok());
  CHECK(r->warnings == string_list{"ae_interval cannot be set by users and is ignored",
                                   "ui_config is accepted but has no effect yet"});
  CHECK(r->config.ae_interval == 1min);
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
  std::ofstream(data + "/node-id") << "nonsense";
  CHECK_FALSE(load_or_create_node_id(data).ok());
  node_config c;
  c.node_id = "11111111-2222-3333-4444-555555555555";
  CHECK(*resolve_node_id(c) == c.node_id);
}

TEST_CASE("DebugConfig of -dev is that of Consul 1.8.7") {
  auto c = must({"-dev", "-node=vm", "-node-id=facc91dd-2054-ee86-1d4e-22eb915da25c", "-data-dir=/data", "-http-port=38500", "-dns-port=38600",
                 "-server-port=38300", "-serf-lan-port=38301", "-serf-wan-port=38302", "-grpc-port=38502"});
  auto ours = parse_json_value(debug_config_json(c));
  std::ifstream in(ACTORD_TESTS_DIR "/runtime/config/debug_config_dev.json");
  std::stringstream text;
  text << in.rdbuf();
  auto theirs = parse_json_value(text.str());
  REQUIRE(ours.ok());
  REQUIRE(theirs.ok());
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
    } else if (key != "DataDir") {
      CHECK(to_json(*mine) == to_json(value));
    }
  }
}

TEST_CASE("secrets do not show in DebugConfig") {
  auto c = must({"-dev", "-encrypt=MDEyMzQ1Njc4OTAxMjM0NQ==", "-hcl", "acl { tokens { master = \"s3cret\" } } service { name = \"a\" token = \"s3cret\" }"});
  const auto json = debug_config_json(c);
  CHECK(json.find("s3cret") == std::string::npos);
  CHECK(json.find("MDEyMzQ1") == std::string::npos);
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
