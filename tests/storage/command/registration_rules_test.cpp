#include "storage/command/registration_rules.hpp"
#include <doctest/doctest.h>

using namespace actord;

namespace {

register_request request_of(std::string node, std::string service, std::string id = {}) {
  register_request r;
  r.node = std::move(node);
  r.address = "10.0.0.1";
  r.service.emplace();
  r.service->service = std::move(service);
  r.service->id = std::move(id);
  return r;
}
std::string fault(register_request r) { return prepare_registration(r, "dc1"); }

} // namespace

TEST_CASE("names that stand in many keys are bounded") {
  const std::string longest(1024, 'n'), too_long(1025, 'n');
  CHECK(fault(request_of(longest, longest, longest)) == "");
  CHECK(fault(request_of(too_long, "web")) == "Node name is too long: 1025 bytes (limit: 1024)");
  CHECK(fault(request_of("n1", too_long, "web")) == "Service name is too long: 1025 bytes (limit: 1024)");
  CHECK(fault(request_of("n1", "web", too_long)) == "Service ID is too long: 1025 bytes (limit: 1024)");
  txn_request t;
  auto& set_node = t.ops.emplace_back().node.emplace();
  set_node.verb = "set";
  set_node.node.node = too_long;
  auto& set_service = t.ops.emplace_back().service.emplace();
  set_service.verb = "set";
  set_service.service.service = too_long;
  const auto faults = prepare_transaction(t);
  REQUIRE(faults.size() == 2);
  CHECK(faults[0].what == "Node name is too long: 1025 bytes (limit: 1024)");
  CHECK(faults[1].what == "Service name is too long: 1025 bytes (limit: 1024)");
}

TEST_CASE("tags that each check would have again are bounded") {
  auto r = request_of("n1", "web");
  r.service->tags.assign(1000, std::string(1023, 't'));
  r.checks.resize(5);
  CHECK(fault(r) == ""); // checks of the node have none of them
  for (auto& c : r.checks) c.service_id = "web";
  CHECK(fault(r) == "Too many tags: 1024000 bytes of them with each of 5 checks are more than 4 MiB: give the service fewer tags or fewer checks");
  r.checks.pop_back();
  CHECK(fault(r) == "");
}
