#include "actors/agent/core/service_rules.hpp"
#include "runtime/base/json_codec.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::agent;

namespace {
service_definition parse(std::string_view json) {
  service_definition d;
  auto s = from_json(json, d);
  INFO(json);
  REQUIRE(s.ok());
  return d;
}
} // namespace

TEST_CASE("a registration is refused with the text that Consul 1.8.7 gives") {
  const std::pair<std::string_view, std::string_view> table[] = {
      {R"({})", "Missing service name"},
      {R"({"Name":"x","Address":"0.0.0.0"})", "Invalid service address"},
      {R"({"Name":"x","Address":"[::]"})", "Invalid service address"},
      {R"({"Name":"x","Weights":{"Passing":0,"Warning":1}})", "Invalid Weights: Passing must be greater than 0"},
      {R"({"Name":"x","Weights":{"Passing":70000,"Warning":1}})", "Invalid Weights: DNS Weight must be between 0 and 65535"},
      {R"({"Name":"x","Weights":{"Passing":1,"Warning":-1}})", "Invalid Weights: Warning must be greater or equal than 0"},
      {R"({"Name":"x","Meta":{"a b":"v"}})", "Invalid Service Meta: Couldn't load metadata pair ('a b', 'v'): Key contains invalid characters"},
      {R"({"Name":"x","Meta":{"":"v"}})", "Invalid Service Meta: Couldn't load metadata pair ('', 'v'): Key cannot be blank"},
      {R"({"Name":"x","Meta":{"consul-a":"v"}})", "Invalid Service Meta: Couldn't load metadata pair ('consul-a', 'v'): Key prefix 'consul-' is reserved for internal use"},
      {R"({"Name":"x","Check":{}})", ""},
      {R"({"Name":"x","Check":{"Name":"foo"}})", "Invalid check: TTL must be > 0 for TTL checks"},
      {R"({"Name":"x","Check":{"TTL":"1s","Interval":"2s"}})", "Invalid check: Interval and TTL cannot both be specified"},
      {R"({"Name":"x","Check":{"HTTP":"http://a"}})", "Invalid check: Interval must be > 0 for Script, HTTP, or TCP checks"},
      {R"({"Name":"x","Check":{"TTL":"1s","HTTP":"http://a"}})", "Invalid check: Interval must be > 0 for Script, HTTP, or TCP checks"},
      {R"({"Name":"x","Check":{"TTL":"1s","Status":"bad"}})", "Status for checks must 'passing', 'warning', 'critical'"},
      {R"({"Name":"x","Check":{"AliasService":"web","Interval":"1s"}})", ""},
      {R"({"Name":"x","Check":{"AliasService":"web","TTL":"1s"}})", "Invalid check: TTL must be not be set for Alias checks"},
      {R"({"Name":"x","Check":{"OutputMaxSize":-1,"TTL":"1s"}})", "Invalid check: MaxOutputMaxSize must be positive"},
      {R"({"Name":"x","Kind":"bogus"})", ""},
      {R"({"Name":"x","Port":1,"Kind":"connect-proxy"})",
       "1 error occurred:\n\t* Proxy.DestinationServiceName must be non-empty for Connect proxy services\n\n"},
      {R"({"Name":"x","Kind":"connect-proxy","Proxy":{"DestinationServiceName":"web"}})", "1 error occurred:\n\t* Port must be set for a Connect proxy\n\n"},
      {R"({"Name":"x","Port":1,"Kind":"connect-proxy","Proxy":{"Upstreams":[{}]}})",
       "2 errors occurred:\n\t* Proxy.DestinationServiceName must be non-empty for Connect proxy services\n\t* upstream destination name cannot be empty\n\n"},
      {R"({"Name":"mg","Kind":"mesh-gateway","Proxy":{"DestinationServiceName":"x"}})",
       "2 errors occurred:\n\t* Port must be non-zero for a mesh-gateway\n\t* The Proxy.DestinationServiceName configuration is invalid for a mesh-gateway\n\n"},
      {R"({"Name":"sd","Connect":{"SidecarService":{"ID":"x"}}})",
       "1 error occurred:\n\t* A SidecarService cannot specify an ID as this is managed by the agent\n\n"},
      {R"({"Name":"x","TaggedAddresses":{"lan":{"Address":"0.0.0.0","Port":5}}})", ""},
  };
  for (auto& [json, text] : table) {
    const auto s = validate_service(parse(json));
    CAPTURE(json);
    CHECK((s ? std::string() : s.err().text) == text);
  }
}

TEST_CASE("metadata is bounded in number, key and value") {
  service_definition d;
  d.name = "x";
  for (int i = 0; i < 65; ++i) d.meta["k" + std::to_string(i)] = "v";
  CHECK(validate_service(d).err().text == "Invalid Service Meta: Node metadata cannot contain more than 64 key/value pairs");
  d.meta.clear();
  d.meta["k"] = std::string(513, 'a');
  CHECK(validate_service(d).err().text.ends_with("Value is too long (limit: 512 characters)"));
}

TEST_CASE("an address that is an IP gives the tagged addresses of its family, unless they are given") {
  auto s = instance_of(parse(R"({"Name":"web","Address":"1.2.3.4","Port":5,"TaggedAddresses":{"wan_ipv4":{"Address":"9.9.9.9","Port":1}}})"));
  CHECK(s.id == "web");
  CHECK(s.tagged_addresses["lan_ipv4"] == service_address{"1.2.3.4", 5});
  CHECK(s.tagged_addresses["wan_ipv4"] == service_address{"9.9.9.9", 1});
  CHECK(*s.weights == service_weights{1, 1});
  CHECK(instance_of(parse(R"({"Name":"web","Address":"db.example.com"})")).tagged_addresses.empty());
  CHECK(instance_of(parse(R"({"Name":"web","Address":"fe80::1"})")).tagged_addresses.contains("lan_ipv6"));
}

TEST_CASE("a stand-alone check is refused with its own texts") {
  check_registration c;
  CHECK(validate_standalone_check(c).err().text == "Missing check name");
  c.name = "x";
  CHECK(validate_standalone_check(c).err().text == "Invalid check: TTL must be > 0 for TTL checks");
  c.ttl = std::chrono::seconds(1);
  c.status = "zz";
  CHECK(validate_standalone_check(c).err().text == "Bad check status");
  c.status = "warning";
  CHECK(validate_standalone_check(c).ok());
}

TEST_CASE("names that the catalog would not take are refused") {
  service_definition d;
  d.name = std::string(1024, 'n');
  CHECK(validate_service(d).ok());
  d.name += 'n';
  CHECK(validate_service(d).err().text == "Service name is too long: 1025 bytes (limit: 1024)");
  d.id = std::move(d.name);
  d.name = "web";
  CHECK(validate_service(d).err().text == "Service ID is too long: 1025 bytes (limit: 1024)");
}

TEST_CASE("tags that would stand in the catalog once for each of very many checks are refused") {
  service_definition d;
  d.name = "web";
  d.tags = string_slice{std::string(99999, 't')};
  d.checks.resize(41);
  for (auto& c : d.checks) c.ttl = std::chrono::seconds(1);
  CHECK(validate_service(d).ok());
  d.checks.push_back(d.checks.front());
  CHECK(validate_service(d).err().text == "Too many tags: 100000 bytes of them with each of 42 checks are more than 4 MiB: give the service fewer tags or fewer checks");
}
