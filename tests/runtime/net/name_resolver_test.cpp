#include "runtime/net/name_resolver.hpp"
#include "tests/support/name_server.hpp"
#include <doctest/doctest.h>
#include <functional>
#include <net/if.h>
#include <netinet/in.h>

using namespace actord;
using namespace actord::net;

namespace {

// Questions from the test's thread, which is the loop's: `until` ends it.
struct bench {
  std::unique_ptr<io_loop> loop = std::move(*io_loop::make());
  std::unique_ptr<name_resolver> names;
  std::map<std::string, std::string> said; // name → first address, or why not
  int answers = 0;

  explicit bench(const std::string& servers) : names(std::make_unique<name_resolver>(*loop, servers)) {}
  void ask(const std::string& name) {
    names->ask(name, [this, name](const result<std::vector<endpoint>>& found) {
      ++answers;
      if (!found) {
        said[name] = found.err().text;
        return;
      }
      char text[INET6_ADDRSTRLEN] = "";
      ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&found->front().storage)->sin_addr, text, sizeof text);
      said[name] = text;
    });
  }
  void run_until(std::function<bool()> reached) {
    loop->at_iteration_end([this, reached] {
      if (reached()) loop->stop();
    });
    loop->run();
  }
};

} // namespace

TEST_CASE("an address may name its interface, and nothing else may have a zone") {
  const auto scope = [](const std::string& ip) -> int64_t {
    endpoint e;
    return read_ip(ip, 80, e) ? reinterpret_cast<const sockaddr_in6*>(&e.storage)->sin6_scope_id : int64_t{-1};
  };
  CHECK(scope("fe80::1%lo") == if_nametoindex("lo"));
  CHECK(scope("fe80::1%7") == 7);
  CHECK(scope("fe80::1") == 0);
  CHECK(scope("fe80::1%nowhere0") == 0); // as in Go: who connects is told that it is unreachable
  for (auto bad : {"fe80::1%", "10.0.0.1%lo", "%lo", "name%lo", ""}) CHECK_MESSAGE(scope(bad) == -1, bad);
  CHECK(parse_endpoint("[fe80::1%lo]:80").ok());
  CHECK(without_zone("fe80::1%eth0") == "fe80::1");
  CHECK(without_zone("a%b") == "a%b");
}

TEST_CASE("names whose server never answers hold up nobody") {
  test::name_server s({{"never1.test", ""}, {"never2.test", ""}, {"never3.test", ""}, {"good.test", "10.1.2.3"}});
  bench b(s.address());
  for (const auto* n : {"never1.test", "never2.test", "never3.test", "good.test", "none.test"}) b.ask(n);
  b.run_until([&] { return b.said.size() == 2; });
  CHECK(b.said["good.test"] == "10.1.2.3");
  CHECK(b.said["none.test"] == "no such host");
  CHECK(b.names->under_way() == 3);
  b.names.reset(); // and nobody is told anything more
  CHECK(b.answers == 2);
}

TEST_CASE("whoever asks for what is being looked up shares the answer, within bounds") {
  test::name_server s({{"good.test", "10.1.2.3"}, {"other.test", "10.1.2.4"}});
  bench b(s.address());
  for (int i = 0; i < 1100; ++i) b.ask("good.test");
  CHECK(b.answers == 1100 - 1024);
  b.run_until([&] { return b.answers == 1100; });
  CHECK(b.said["good.test"] == "10.1.2.3");
  CHECK(s.asked() == 2); // A and AAAA
  CHECK(b.names->under_way() == 0);
  int refused = 0;
  for (int i = 0; i < 5000; ++i)
    b.names->ask("never" + std::to_string(i) + ".test", [&](const result<std::vector<endpoint>>& r) { refused += !r && r.err().code == errc::rate_limited ? 1 : 0; });
  CHECK(refused == 5000 - 4096);
}
