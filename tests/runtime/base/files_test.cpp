#include "runtime/base/files.hpp"
#include "tests/support/few_descriptors.hpp"
#include <cerrno>
#include <cstdio>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// In place of the C library's for this program: a disk without room for a second file.
static bool no_room_beside = false;
extern "C" int rename(const char* from, const char* to) noexcept {
  if (!no_room_beside) return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0U));
  errno = ENOSPC;
  return -1;
}

using namespace actord;
namespace fs = std::filesystem;

namespace {

struct folder {
  std::string path;
  folder() {
    path = (fs::temp_directory_path() / "files-XXXXXX").string();
    REQUIRE(mkdtemp(path.data()) != nullptr);
  }
  ~folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

template <class T> std::string outcome(const lookup<T>& l) { return !l ? "failed: " + l.err().text : *l ? "there" : "absent"; }

mode_t mode_of(const std::string& path) {
  struct stat st{};
  return ::stat(path.c_str(), &st) == 0 ? st.st_mode & 0777 : 0;
}

} // namespace

TEST_CASE("a file is there, absent, or could not be read, and none of these is another") {
  folder f;
  std::ofstream(f.path + "/empty");
  std::ofstream(f.path + "/full") << "text";
  fs::create_directory(f.path + "/folder");
  CHECK(**read_file(f.path + "/empty", 100) == "");
  CHECK(**read_file(f.path + "/full", 100) == "text");
  CHECK(outcome(read_file(f.path + "/none", 100)) == "absent");
  CHECK(outcome(read_file(f.path + "/no/where", 100)) == "absent");
  CHECK(outcome(read_file(f.path + "/folder", 100)) == "failed: read " + f.path + "/folder: is a directory");
  CHECK(outcome(read_file(f.path + "/full/x", 100)) == "failed: open " + f.path + "/full/x: not a directory");
  CHECK(outcome(read_file(f.path + "/full", 3)) == "failed: read " + f.path + "/full: larger than 3 bytes");
  std::ofstream(f.path + "/sparse").close();
  fs::resize_file(f.path + "/sparse", uint64_t{1} << 40); // is not tried to be held
  CHECK(outcome(read_file(f.path + "/sparse", 1 << 20)) == "failed: read " + f.path + "/sparse: larger than 1048576 bytes");
  test::few_descriptors none;
  CHECK(outcome(read_file(f.path + "/full", 100)) == "failed: open " + f.path + "/full: too many open files");
}

TEST_CASE("a folder is there, absent, or could not be read; folders in it are not listed") {
  folder f;
  for (auto name : {"b", "a"}) std::ofstream(f.path + "/" + name);
  fs::create_directory(f.path + "/c");
  fs::create_symlink("nowhere", f.path + "/link");
  CHECK(**list_files(f.path) == std::vector<std::string>{"a", "b", "link"});
  CHECK(outcome(list_files(f.path + "/none")) == "absent");
  CHECK(outcome(list_files(f.path + "/a")) == "failed: open " + f.path + "/a: not a directory");
  test::few_descriptors none;
  CHECK(outcome(list_files(f.path)) == "failed: open " + f.path + ": too many open files");
}

TEST_CASE("what is no regular file is neither waited for nor absent, and goes where a new one is made") {
  folder f;
  fs::create_directory(f.path + "/folder");
  REQUIRE(::mkfifo((f.path + "/pipe").c_str(), 0600) == 0);
  REQUIRE(::mknod((f.path + "/socket").c_str(), S_IFSOCK | 0600, 0) == 0);
  fs::create_symlink("/dev/zero", f.path + "/device");
  std::ofstream(f.path + "/file") << "text";
  fs::create_symlink("file", f.path + "/link");
  CHECK(**read_file(f.path + "/link", 100) == "text");
  CHECK(outcome(read_file(f.path + "/pipe", 100)) == "failed: open " + f.path + "/pipe: is a named pipe and no file");
  CHECK(outcome(read_file(f.path + "/socket", 100)) == "failed: open " + f.path + "/socket: is a socket and no file");
  CHECK(outcome(read_file(f.path + "/device", 100)) == "failed: open " + f.path + "/device: is a device and no file");
  CHECK(is_file(f.path + "/pipe").err().text == "open " + f.path + "/pipe: is a named pipe and no file");
  CHECK(is_file(f.path + "/folder").err().text == "read " + f.path + "/folder: is a directory");
  CHECK_FALSE(*is_file(f.path + "/none"));
  CHECK(*is_file(f.path + "/file"));
  CHECK(**list_files(f.path, true) == std::vector<std::string>{"device", "file", "folder", "link", "pipe", "socket"});
  REQUIRE(::mkfifo((f.path + "/x.tmp").c_str(), 0600) == 0);
  CHECK(replace_file(f.path + "/x", "one").ok());
  CHECK(**read_file(f.path + "/x", 100) == "one");
}

TEST_CASE("where there is no room beside it a file is written over") {
  folder f;
  const auto path = f.path + "/x";
  REQUIRE(replace_or_overwrite(path, "the first one").ok());
  struct stat was{}, now{};
  REQUIRE(::stat(path.c_str(), &was) == 0);
  no_room_beside = true;
  CHECK(replace_file(path, "two").err().code == errc::storage_full);
  CHECK(**read_file(path, 100) == "the first one");
  const auto shorter = replace_or_overwrite(path, "two"); // cut, too
  const auto absent = replace_or_overwrite(f.path + "/y", "one");
  no_room_beside = false;
  CHECK(shorter.ok());
  CHECK(**read_file(path, 100) == "two");
  REQUIRE(::stat(path.c_str(), &now) == 0);
  CHECK(now.st_ino == was.st_ino);
  CHECK(absent.err().code == errc::storage_full); // nothing is there to be written over
  CHECK((*list_files(f.path))->size() == 1);      // and nothing is left beside
}

TEST_CASE("what cannot be replaced for another reason than room is not written over") {
  folder f;
  const auto path = f.path + "/x";
  REQUIRE(replace_or_overwrite(path, "the first one").ok());
  fs::create_directory(f.path + "/x.tmp");
  CHECK_FALSE(replace_or_overwrite(path, "two").ok());
  CHECK(**read_file(path, 100) == "the first one");
}

TEST_CASE("a file is replaced whole or not at all") {
  folder f;
  const auto path = f.path + "/x";
  REQUIRE(replace_file(path, "one").ok());
  CHECK(mode_of(path) == 0600);
  {
    test::few_descriptors none;
    CHECK_FALSE(replace_file(path, "two").ok());
  }
  CHECK(**read_file(path, 100) == "one");
  fs::create_directory(f.path + "/there");
  CHECK(replace_file(f.path + "/there", "three").err().text == "rename to " + f.path + "/there: is a directory");
  CHECK(fs::exists(path));
  CHECK((*list_files(f.path))->size() == 1); // nothing is left beside
}

TEST_CASE("folders are made for their owner alone, and one that is there keeps its mode") {
  folder f;
  REQUIRE(make_folder(f.path + "/a/b").ok());
  CHECK(mode_of(f.path + "/a") == 0700);
  CHECK(mode_of(f.path + "/a/b") == 0700);
  ::chmod((f.path + "/a").c_str(), 0750);
  REQUIRE(make_folder(f.path + "/a").ok());
  CHECK(mode_of(f.path + "/a") == 0750);
  std::ofstream(f.path + "/file");
  CHECK(make_folder(f.path + "/file").err().text == "mkdir " + f.path + "/file: file exists");
}
