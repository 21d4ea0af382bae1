// A program that nobody can start for the time being, as on a file system that hangs: a write lease on its file holds up who opens it,
// exec too, until the lease is given back (or the kernel takes it after /proc/sys/fs/lease-break-time, 45 s).
#pragma once
#include <csignal>
#include <cstdlib>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

namespace actord::test {

class hanging_program {
public:
  hanging_program() {
    std::signal(SIGIO, SIG_IGN); // tells the holder that somebody waits
    folder_ = (std::filesystem::temp_directory_path() / "hanging-XXXXXX").string();
    REQUIRE(::mkdtemp(folder_.data()) != nullptr);
    std::ofstream(path()) << "#!/bin/sh\necho started\n";
    std::filesystem::permissions(path(), std::filesystem::perms::owner_all);
    fd_ = ::open(path().c_str(), O_RDONLY | O_CLOEXEC);
    REQUIRE(fd_ >= 0);
    REQUIRE(::fcntl(fd_, F_SETLEASE, F_WRLCK) == 0);
  }
  ~hanging_program() {
    let_go();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  hanging_program(const hanging_program&) = delete;
  hanging_program& operator=(const hanging_program&) = delete;
  std::string path() const { return folder_ + "/program"; }
  void let_go() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

private:
  std::string folder_;
  int fd_ = -1;
};

} // namespace actord::test
