#include "actors/raft/core/command_levels.hpp"
#include <doctest/doctest.h>

using namespace actord::raft;

TEST_CASE("a command is written once the oldest server of the configuration reads it, and not before") {
  command_levels l;
  CHECK(l.level() == 1);
  CHECK_FALSE(l.refusal("kv", 1));
  CHECK(l.refusal("prepared-query", 2));
  CHECK_FALSE(l.set({{"s1", 2}, {"s2", 1}, {"s3", 2}}));
  CHECK_FALSE(l.refusal("kv", 1));
  CHECK(l.refusal("prepared-query", 2) ==
        "a command \"prepared-query\" is not written before all servers can read it (level 2 of the log's commands): server \"s2\" reads level 1; bring each "
        "of them to a version that reads it, or remove it from the cluster, and try again");
  CHECK(l.text() == "s1:2 s2:1 s3:2");
  CHECK(l.set({{"s1", 2}, {"s2", 2}, {"s3", 3}}));
  CHECK(l.level() == 2);
  CHECK_FALSE(l.refusal("prepared-query", 2));
  CHECK(l.refusal("of tomorrow", 3));
  CHECK(l.set({{"s1", 2}, {"s2", 2}, {"s3", 1}})); // somebody put an older one back
  CHECK(l.refusal("prepared-query", 2));
}

TEST_CASE("a server that has not said what it reads counts as the oldest, and the refusal names all that are too old") {
  command_levels l;
  CHECK(l.set({{"s1", 2}}));
  CHECK(l.set({{"s1", 2}, {"0a7b", 0}, {"s3", 1}}));
  const auto why = l.refusal("prepared-query", 2);
  REQUIRE(why);
  CHECK(why->find("server \"0a7b\" has not been heard of since this server started, server \"s3\" reads level 1;") != std::string::npos);
  CHECK(why->find("\"s1\"") == std::string::npos);
  CHECK(l.text() == "s1:2 0a7b:? s3:1");
}
