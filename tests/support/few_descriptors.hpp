// For as long as it lives the process opens no descriptor with a number of `n` or more; those that it has stay open.
#pragma once
#include <doctest/doctest.h>
#include <sys/resource.h>

namespace actord::test {

class few_descriptors {
public:
  explicit few_descriptors(rlim_t n = 0) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit now{n, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &now) == 0);
  }
  ~few_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  few_descriptors(const few_descriptors&) = delete;
  few_descriptors& operator=(const few_descriptors&) = delete;

private:
  rlimit before_{};
};

} // namespace actord::test
