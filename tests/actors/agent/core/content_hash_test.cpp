// Services as the real Consul 1.8.7 shows them, and the ContentHash that it gave.
#include "actors/agent/core/content_hash.hpp"
#include "runtime/base/json_codec.hpp"
#include <doctest/doctest.h>
#include <string>

using namespace actord;

namespace {

struct recorded {
  const char* json;
  const char* hash;
};

// clang-format off
const recorded services[] = {
    {R"({"ID":"foo","Service":"foo","Tags":[],"Meta":{},"Port":0,"Address":"","Weights":{"Passing":1,"Warning":1},"EnableTagOverride":false})", "5792ff264c10b788"},
    {R"({"ID":"foo","Service":"foo","Tags":["bar","baz"],"Meta":{},"Port":8000,"Address":"","Weights":{"Passing":1,"Warning":1},"EnableTagOverride":false})", "6b13684bfe179e67"},
    {R"({"ID":"x","Service":"foo","Tags":[],"Meta":{"a":"b","c":"ß"},"Port":80,"Address":"10.1.2.3","TaggedAddresses":{"lan_ipv4":{"Address":"10.1.2.3","Port":80},"wan_ipv4":{"Address":"10.1.2.3","Port":80}},"Weights":{"Passing":10,"Warning":0},"EnableTagOverride":true})", "385a5991da03a21e"},
    {R"({"ID":"foo","Service":"foo","Tags":[],"Meta":{},"Port":0,"Address":"","TaggedAddresses":{"lan":{"Address":"1.2.3.4","Port":5},"wan":{"Address":"4.3.2.1","Port":6}},"Weights":{"Passing":1,"Warning":1},"EnableTagOverride":false})", "4b44a39ed25e7540"},
    {R"({"ID":"foo","Service":"foo","Tags":[],"Meta":{},"Port":0,"Address":"","Weights":{"Passing":1,"Warning":1},"EnableTagOverride":false,"Connect":{"Native":true}})", "dc5dd1f941b8324a"},
    {R"({"Kind":"connect-proxy","ID":"foo","Service":"foo","Tags":[],"Meta":{},"Port":21000,"Address":"","Weights":{"Passing":1,"Warning":1},"EnableTagOverride":false,"Proxy":{"DestinationServiceName":"web","DestinationServiceID":"web1","LocalServiceAddress":"127.0.0.1","LocalServicePort":9090,"Config":{"a":1,"b":2.5,"c":"s","d":true,"e":null,"f":[1,"x",{"y":[]}],"g":{"h":{"i":-3}}},"Upstreams":[{"DestinationType":"service","DestinationName":"db","LocalBindPort":1234,"MeshGateway":{}},{"DestinationType":"prepared_query","DestinationName":"q","Datacenter":"dc2","LocalBindAddress":"127.0.0.2","LocalBindPort":4321,"Config":{"k":"v"},"MeshGateway":{"Mode":"local"}}],"MeshGateway":{"Mode":"remote"},"Expose":{"Checks":true,"Paths":[{"ListenerPort":1,"Path":"/x","LocalPathPort":2,"Protocol":"http2","ParsedFromCheck":false}]}}})", "7f36a45fd2d38f45"},
    {R"({"Kind":"mesh-gateway","ID":"foo","Service":"foo","Tags":[],"Meta":{},"Port":443,"Address":"","Weights":{"Passing":1,"Warning":1},"EnableTagOverride":false,"Proxy":{"MeshGateway":{},"Expose":{}}})", "bdbc959cb166cefb"},
    {R"({"Kind":"connect-proxy","ID":"foo","Service":"foo","Tags":[],"Meta":{},"Port":1,"Address":"","Weights":{"Passing":1,"Warning":1},"EnableTagOverride":false,"Proxy":{"DestinationServiceName":"web","MeshGateway":{},"Expose":{}}})", "d582b547c8d6691b"},
    {R"({"ID":"foo","Service":"foo","Tags":[],"Meta":{},"Port":70,"Address":"","Weights":{"Passing":1,"Warning":1},"EnableTagOverride":false})", "13e471d289ba63c2"},
    {R"({"Kind":"connect-proxy","ID":"foo-sidecar-proxy","Service":"foo-sidecar-proxy","Tags":[],"Meta":{},"Port":21000,"Address":"","Weights":{"Passing":1,"Warning":1},"EnableTagOverride":false,"Proxy":{"DestinationServiceName":"foo","DestinationServiceID":"foo","LocalServiceAddress":"127.0.0.1","LocalServicePort":70,"MeshGateway":{},"Expose":{}}})", "2a1dde9a66c0faa"},
};
// clang-format on

node_service read(std::string_view json) {
  node_service s;
  REQUIRE_MESSAGE(from_json(json, s), json);
  return s;
}

} // namespace

TEST_CASE("the hash of a service is the one that Consul gives it") {
  for (const auto& r : services) {
    CAPTURE(r.json);
    CHECK(agent::content_hash(read(r.json)) == r.hash);
  }
}

TEST_CASE("the order of a service's tags shows in its hash, what only the catalog knows does not") {
  auto s = read(services[1].json);
  std::swap(s.tags[0], s.tags[1]);
  CHECK(agent::content_hash(s) != services[1].hash);
  std::swap(s.tags[0], s.tags[1]);
  s.modify_index = 7;
  s.locally_registered_as_sidecar = true;
  CHECK(agent::content_hash(s) == services[1].hash);
}
