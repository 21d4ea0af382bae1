#include "runtime/net/portions.hpp"
#include <chrono>
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::net;

TEST_CASE("what is much is done in order, in portions between which the loop goes on") {
  auto loop = std::move(*io_loop::make());
  std::vector<int> done;
  size_t iterations = 0;
  portions<int>* self = nullptr;
  portions<int> work(*loop, [&](int& n) {
    done.push_back(n);
    if (n == 3) self->put(100), self->begin(); // behind the others, not from inside
    for (const auto until = std::chrono::steady_clock::now() + portions<int>::budget; n < 50 && std::chrono::steady_clock::now() < until;) {} // one is all of a portion
    if (n == 100) loop->stop();
  });
  self = &work;
  loop->at_iteration_end([&] { ++iterations; });
  loop->post([&] {
    for (int n = 0; n < 5; ++n) work.put(n);
    work.begin();
    CHECK(done.size() == 1);
  });
  loop->run();
  CHECK(done == std::vector<int>{0, 1, 2, 3, 4, 100});
  CHECK(iterations >= 5);
}
