#include "actors/agent/agent_board.hpp"
#include "storage/model/catalog.hpp"
#include <doctest/doctest.h>

using namespace actord;

namespace {

std::shared_ptr<const node_service> service_of(size_t bytes) {
  auto s = std::make_shared<node_service>();
  s->tags.push_back(std::string(bytes, 't'));
  return s;
}
std::shared_ptr<const health_check> check_of(std::string service, size_t bytes) {
  auto c = std::make_shared<health_check>();
  c->service_id = std::move(service);
  c->output = std::string(bytes, 'o');
  return c;
}
bool about(const agent_board::amount& a, size_t records, size_t bytes) { return a.records == records && a.bytes >= bytes && a.bytes < bytes + 1000 * (records + 1); }

} // namespace

TEST_CASE("the board knows how much there is to read, in records and bytes, whatever is put, put again and taken") {
  agent_board b;
  CHECK(about(b.much_services(), 0, 0));
  b.put_service("a", service_of(10000));
  b.put_service("b", service_of(500000));
  b.put_check("c", check_of("a", 20000));
  b.put_check("d", check_of("", 30000));
  CHECK(about(b.much_services(), 2, 510000));
  CHECK(about(b.much_checks(), 2, 50000));
  CHECK(about(b.much_of("a"), 3, 60000)); // with the node's check
  CHECK(about(b.much_of("none"), 1, 30000));
  b.put_service("b", service_of(1000));
  b.put_check("c", check_of("b", 40000)); // moves to another service
  CHECK(about(b.much_services(), 2, 11000));
  CHECK(about(b.much_of("a"), 2, 40000));
  CHECK(about(b.much_of("b"), 3, 71000));
  CHECK(b.checks_for("a").size() == 1);
  CHECK(b.checks_for("b").size() == 2);
  b.put_check("c", nullptr);
  b.put_check("d", nullptr);
  b.put_service("a", nullptr);
  b.put_service("b", nullptr);
  b.put_service("b", nullptr);
  CHECK(b.much_services().bytes == 0);
  CHECK(b.much_checks().bytes == 0);
  CHECK(b.much_of("b").records == 0);
  CHECK(b.checks_for("b").empty());
}
