#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "log/checkpoint_file.h"
#include "log/log_tablet.h"
#include "testing/faulty_file_system.h"
#include "testing/matchers.h"
#include "testing/vectors.h"

namespace strom::log {
namespace {

using record::BatchHeader;
using record::BuildLogBatch;
using record::LogBatches;
using record::LogBatchView;
using testing::FaultyFileSystem;
using testing::IsError;
using testing::IsOk;

constexpr Millis kNow = 1'700'000'000'000;

LogTablet::Options TestOptions(int64_t segment_bytes = 2000) {
  LogTablet::Options options;
  options.bucket = {1, model::kNoPartition, 0};
  options.dir = "/data/t-1/log-0";
  options.segment_bytes = segment_bytes;
  options.index_interval_bytes = 200;
  return options;
}

/// A batch of INDEXED-like records; their content is no matter to the log.
Bytes MakeBatch(int32_t records, int64_t writer = record::kNoWriter, int32_t sequence = -1,
                size_t payload = 60) {
  BatchHeader header;
  header.record_count = records;
  header.writer_id = writer;
  header.sequence = sequence;
  return BuildLogBatch(header, Bytes(payload, 'x'));
}

std::unique_ptr<LogTablet> MustOpen(io::FileSystem& files,
                                    const LogTablet::Options& options = TestOptions()) {
  auto log = LogTablet::Open(files, options);
  EXPECT_THAT(log, IsOk());
  return std::move(*log);
}

/// The offsets of all batches from `offset` on, as [first, end) pairs.
std::vector<std::pair<int64_t, int64_t>> ReadAll(LogTablet& log, int64_t offset) {
  std::vector<std::pair<int64_t, int64_t>> batches;
  while (offset < log.end_offset()) {
    const auto bytes = log.Read(offset, {500, log.end_offset(), true});
    EXPECT_THAT(bytes, IsOk());
    if (!bytes || bytes->empty()) break;
    LogBatches all(bytes->view());
    while (true) {
      const auto batch = all.Next();
      EXPECT_THAT(batch, IsOk());
      if (!*batch) break;
      EXPECT_THAT((*batch)->Check(), IsOk());
      batches.emplace_back((*batch)->base_offset(), (*batch)->next_offset());
      offset = (*batch)->next_offset();
    }
  }
  return batches;
}

TEST(LogFormat, IndexFilesAreThoseOfTheRealSystem) {
  const Json vectors = testing::LoadVectors("server_files");
  const std::string index = vectors["offset_index"]["file"].get<std::string>();
  const std::vector<IndexEntry> entries = DecodeIndex(FromHex(index), 1000);
  EXPECT_EQ(entries, (std::vector<IndexEntry>{{1009, 0}, {1025, 5000}, {1100, 9300}}));
  EXPECT_EQ(ToHex(EncodeIndex(entries, 1000)), index);
  const std::string time_index = vectors["time_index"]["file"].get<std::string>();
  const std::vector<TimeIndexEntry> times = DecodeTimeIndex(FromHex(time_index), 1000);
  ASSERT_GE(times.size(), 3U);
  EXPECT_EQ(times[1], (TimeIndexEntry{1'700'000'000'100, 1010}));
  EXPECT_EQ(ToHex(EncodeTimeIndex(times, 1000)), time_index);
}

TEST(LogFormat, ZerosThatACrashLeftInAnIndexAreNoEntries) {
  const Bytes padded = EncodeIndex({{9, 0}, {19, 500}}, 0) + Bytes(80, '\0');
  EXPECT_EQ(DecodeIndex(padded, 0).size(), 2U);
}

TEST(LogTablet, NumbersRowsFromZeroAndReadsFromAnyOffset) {
  FaultyFileSystem files;
  const auto log = MustOpen(files);
  for (int i = 0; i < 50; ++i) {
    const auto appended = log->Append(MakeBatch(3), kNow + i);
    ASSERT_THAT(appended, IsOk());
    EXPECT_EQ(appended->first_offset, i * 3);
  }
  EXPECT_EQ(log->end_offset(), 150);
  EXPECT_GT(log->segment_count(), 2U);
  for (int64_t offset = 0; offset < 150; ++offset) {
    const auto batches = ReadAll(*log, offset);
    ASSERT_FALSE(batches.empty());
    EXPECT_EQ(batches.front().first, offset / 3 * 3)
        << "begins with the batch that holds the offset";
    EXPECT_EQ(batches.back().second, 150);
  }
}

TEST(LogTablet, AnEmptyLogHasNoFile) {
  FaultyFileSystem files;
  const auto log = MustOpen(files);
  EXPECT_FALSE(*files.Exists("/data/t-1/log-0"));
  EXPECT_EQ(log->start_offset(), 0);
  EXPECT_EQ(log->end_offset(), 0);
}

TEST(LogTablet, ReadsStopAtTheLimits) {
  FaultyFileSystem files;
  const auto log = MustOpen(files);
  for (int i = 0; i < 5; ++i) ASSERT_THAT(log->Append(MakeBatch(2), kNow), IsOk());
  const auto batch_bytes = static_cast<int64_t>(MakeBatch(2).size());
  EXPECT_EQ(static_cast<int64_t>(log->Read(0, {batch_bytes * 2 + 10, 10, false})->size()),
            batch_bytes * 2);
  EXPECT_EQ(log->Read(0, {batch_bytes - 1, 10, false})->size(), 0U);
  EXPECT_EQ(static_cast<int64_t>(log->Read(0, {1, 10, true})->size()), batch_bytes)
      << "one batch whatever its size";
  EXPECT_EQ(static_cast<int64_t>(log->Read(0, {1 << 20, 5, true})->size()), batch_bytes * 2)
      << "nothing above the end";
  EXPECT_THAT(log->Read(11, {100, 10, true}), IsError(ErrorCode::kLogOffsetOutOfRange));
  EXPECT_THAT(log->Read(-1, {100, 10, true}), IsError(ErrorCode::kLogOffsetOutOfRange));
}

TEST(LogTablet, FindsOffsetsByTime) {
  FaultyFileSystem files;
  const auto log = MustOpen(files);
  for (int i = 0; i < 60; ++i) ASSERT_THAT(log->Append(MakeBatch(2), kNow + i * 10), IsOk());
  for (int i = 0; i < 60; ++i) {
    EXPECT_EQ(*log->OffsetForTimestamp(kNow + i * 10), i * 2);
    EXPECT_EQ(*log->OffsetForTimestamp(kNow + i * 10 - 5), i * 2);
  }
  EXPECT_EQ(*log->OffsetForTimestamp(kNow + 10'000), 120);
}

TEST(LogTablet, TimeNeverGoesBack) {
  FaultyFileSystem files;
  const auto log = MustOpen(files);
  ASSERT_THAT(log->Append(MakeBatch(1), kNow), IsOk());
  ASSERT_THAT(log->Append(MakeBatch(1), kNow - 5000), IsOk());
  EXPECT_EQ(log->max_timestamp(), kNow);
  const auto bytes = log->Read(1, {1 << 20, 2, true});
  EXPECT_EQ(LogBatchView(bytes->view()).timestamp(), kNow);
}

TEST(LogTablet, ABatchSentTwiceIsWrittenOnce) {
  FaultyFileSystem files;
  const auto log = MustOpen(files);
  for (int32_t i = 0; i < 7; ++i) ASSERT_THAT(log->Append(MakeBatch(2, 5, i), kNow), IsOk());
  for (int32_t i = 2; i < 7; ++i) {
    const auto again = log->Append(MakeBatch(2, 5, i), kNow);
    ASSERT_THAT(again, IsOk());
    EXPECT_TRUE(again->duplicate);
    EXPECT_EQ(again->first_offset, i * 2);
  }
  EXPECT_TRUE(log->Append(MakeBatch(3, 5, 6), kNow)->duplicate)
      << "keys put again may have made another number of changes";
  EXPECT_EQ(log->end_offset(), 14);
  EXPECT_THAT(log->Append(MakeBatch(2, 5, 0), kNow), IsError(ErrorCode::kOutOfOrderSequence))
      << "older than what is remembered";
  EXPECT_THAT(log->Append(MakeBatch(2, 5, 9), kNow), IsError(ErrorCode::kOutOfOrderSequence));
  EXPECT_THAT(log->Append(MakeBatch(2, 6, 1), kNow), IsError(ErrorCode::kOutOfOrderSequence))
      << "a new writer begins at 0";
}

TEST(LogTablet, WritersAreRememberedOverARestartWithAllTheirBatches) {
  FaultyFileSystem files;
  {
    const auto log = MustOpen(files);
    for (int32_t i = 0; i < 5; ++i) ASSERT_THAT(log->Append(MakeBatch(2, 5, i), kNow), IsOk());
    ASSERT_THAT(log->Close(), IsOk());
  }
  LogTablet::Options options = TestOptions();
  options.clean = true;
  options.flushed_offset = 10;
  const auto log = MustOpen(files, options);
  EXPECT_TRUE(log->Append(MakeBatch(2, 5, 1), kNow)->duplicate);
  EXPECT_FALSE(log->Append(MakeBatch(2, 5, 5), kNow)->duplicate);
}

TEST(LogTablet, BadBatchesAreRefusedAndChangeNothing) {
  FaultyFileSystem files;
  const auto log = MustOpen(files);
  ASSERT_THAT(log->Append(MakeBatch(2), kNow), IsOk());
  Bytes wrong_crc = MakeBatch(2);
  wrong_crc.back() = 'y';
  EXPECT_THAT(log->Append(wrong_crc, kNow), IsError(ErrorCode::kCorruptRecord));
  Bytes wrong_length = MakeBatch(2);
  StoreLe<int32_t>(wrong_length.data() + 8, 3);
  EXPECT_THAT(log->Append(wrong_length, kNow), IsError(ErrorCode::kCorruptRecord));
  EXPECT_THAT(log->Append(MakeBatch(2) + wrong_crc, kNow), IsError(ErrorCode::kCorruptRecord))
      << "all of a request or nothing";
  EXPECT_EQ(log->Append(MakeBatch(2).substr(0, 50), kNow)->first_offset, -1)
      << "a cut batch is left out";
  EXPECT_EQ(log->end_offset(), 2);
}

TEST(LogTablet, OldSegmentsGoWhenTheirTimeIsOver) {
  FaultyFileSystem files;
  const auto log = MustOpen(files);
  for (int i = 0; i < 100; ++i) ASSERT_THAT(log->Append(MakeBatch(2), kNow + i * 1000), IsOk());
  const int64_t before = log->start_offset();
  ASSERT_THAT(log->Close(), IsOk());
  EXPECT_EQ(*log->DeleteExpired(kNow + 50'000, 0, false), 0) << "nothing above the limit";
  EXPECT_GT(*log->DeleteExpired(kNow + 50'000, 200, false), 0);
  EXPECT_GT(log->start_offset(), before);
  EXPECT_LE(log->start_offset(), 100);
  EXPECT_EQ(ReadAll(*log, log->start_offset()).back().second, 200);
  EXPECT_THAT(log->Read(0, {100, 200, true}), IsError(ErrorCode::kLogOffsetOutOfRange));
  // Everything is old: the newest segment goes as well when it may be rolled, and offsets go on,
  // also after a restart.
  EXPECT_GT(*log->DeleteExpired(kNow + 1'000'000, 200, true), 0);
  EXPECT_EQ(log->start_offset(), 200);
  ASSERT_THAT(log->Close(), IsOk());
  const auto again = MustOpen(files);
  EXPECT_EQ(again->end_offset(), 200);
  EXPECT_EQ(again->Append(MakeBatch(1), kNow)->first_offset, 200);
}

// Whatever write fails: what was acknowledged before is there, and the log says no from then on
// rather than lose something.
TEST(LogTablet, SurvivesTheFailureOfEachWrite) {
  for (int nth = 0; nth < 60; ++nth) {
    FaultyFileSystem files;
    files.FailFrom(nth);
    int64_t acknowledged = 0;
    {
      auto log = LogTablet::Open(files, TestOptions(600));
      if (!log) continue;
      for (int i = 0; i < 20; ++i) {
        const auto appended = (*log)->Append(MakeBatch(2, 5, i), kNow);
        if (!appended) break;
        acknowledged = appended->end_offset;
        if (i % 5 == 4) {
          const auto job = (*log)->MakeFlush();
          if (job) {
            const Status ran = job->Run();
            ran ? (*log)->Flushed(*job) : (*log)->FlushFailed(ran.error());
          }
        }
      }
      if (files.fired()) {
        EXPECT_FALSE((*log)->Append(MakeBatch(2, 9, 0), kNow).has_value() &&
                     (*log)->Close().has_value());
      }
    }
    files.FailFrom(-1);
    const auto log = MustOpen(files, TestOptions(600));
    EXPECT_GE(log->end_offset(), acknowledged) << "failure " << nth;
    const auto batches = ReadAll(*log, 0);
    EXPECT_EQ(batches.empty() ? 0 : batches.back().second, log->end_offset());
  }
}

// A disk that refuses for a while leaves a log that goes on, or one that says what it may have
// lost.
TEST(LogTablet, AFailedFlushIsDoneAgainUnlessTheLogWasNotSynced) {
  int again = 0;
  int refused = 0;
  for (int nth = 0; nth < 30; ++nth) {
    FaultyFileSystem files;
    int64_t flushed = 0;
    {
      const auto log = MustOpen(files, TestOptions(600));
      int sequence = 0;
      const auto append = [&] { return log->Append(MakeBatch(2, 5, sequence++), kNow); };
      for (int i = 0; i < 10; ++i) ASSERT_THAT(append(), IsOk());
      const auto job = log->MakeFlush();
      ASSERT_THAT(job, IsOk());
      files.FailFrom(nth);
      const Status ran = job->Run();
      files.FailFrom(-1);
      if (ran) {
        log->Flushed(*job);
      } else {
        log->FlushFailed(ran.error());
        EXPECT_TRUE(log->needs_flush()) << nth;
        EXPECT_EQ(log->flushed_offset(), 0) << nth;
        EXPECT_EQ(*log->DeleteExpired(kNow + 1, log->end_offset(), true), 0)
            << "what is not on the disk is not cut";
      }
      if (!ran && ran.error().code == ErrorCode::kLogStorage) {
        ++refused;
        EXPECT_THAT(append(), IsError(ErrorCode::kLogStorage)) << nth;
        EXPECT_THAT(log->MakeFlush(), IsError(ErrorCode::kLogStorage)) << nth;
        EXPECT_THAT(log->Close(), IsError(ErrorCode::kLogStorage)) << nth;
        continue;
      }
      if (!ran) ++again;
      for (int i = 0; i < 5; ++i) ASSERT_THAT(append(), IsOk());
      const auto next = log->MakeFlush();
      ASSERT_THAT(next, IsOk());
      ASSERT_THAT(next->Run(), IsOk()) << nth;
      log->Flushed(*next);
      EXPECT_FALSE(log->needs_flush());
      flushed = log->flushed_offset();
    }
    files.Crash();
    LogTablet::Options options = TestOptions(600);
    options.clean = true;  // indexes are taken as they are
    const auto log = MustOpen(files, options);
    EXPECT_EQ(log->end_offset(), flushed) << nth;
    for (int64_t offset = 0; offset < flushed; ++offset) {
      const auto read = log->Read(offset, {1, flushed, true});
      ASSERT_THAT(read, IsOk());
      EXPECT_EQ(record::LogBatchView(read->view()).base_offset(), offset / 2 * 2) << nth;
    }
  }
  EXPECT_GT(again, 5);
  EXPECT_GT(refused, 1);
}

TEST(LogTablet, WritersAreSnapshotOnceInAWhileAndAtTheEnd) {
  FaultyFileSystem files;
  LogTablet::Options options = TestOptions(1 << 30);
  const auto log = MustOpen(files, options);
  int32_t sequence = 0;
  const auto flush = [&](size_t payload, bool fails = false) {
    EXPECT_THAT(log->Append(MakeBatch(2, 5, sequence++, payload), kNow), IsOk());
    const auto job = log->MakeFlush();
    EXPECT_THAT(job, IsOk());
    if (fails) return job->snapshots.size();
    EXPECT_THAT(job->Run(), IsOk());
    log->Flushed(*job);
    return job->snapshots.size();
  };
  EXPECT_EQ(flush(1000), 0U) << "little is read again after a crash";
  EXPECT_EQ(flush(300'000, /*fails=*/true), 1U);
  EXPECT_EQ(flush(1000), 1U) << "what failed is owed still";
  EXPECT_EQ(flush(1000), 0U);
  EXPECT_EQ(flush(200'000), 0U);
  EXPECT_EQ(flush(100'000), 1U);
  EXPECT_FALSE(log->needs_final_flush());
  EXPECT_EQ(flush(1000), 0U);
  EXPECT_TRUE(log->needs_final_flush());
  ASSERT_THAT(log->Close(), IsOk());
  EXPECT_FALSE(log->needs_final_flush());
  files.Crash();
  options.clean = true;
  EXPECT_TRUE(
      MustOpen(files, options)->Append(MakeBatch(2, 5, sequence - 1, 1000), kNow)->duplicate);
}

// Many logs that wait for the disk together: what was reported as flushed survives a loss of power,
// whatever write failed; a failed wait is every log's failure.
TEST(LogTablet, FlushesOfManyLogsAreAsSafeAsOne) {
  constexpr size_t kLogs = 70;
  int refused = 0;
  for (int nth = 0;; nth += 11) {
    FaultyFileSystem files;
    const auto options_of = [](size_t i) {
      LogTablet::Options options = TestOptions();
      options.dir = fmt::format("/data/t-1/log-{}", i);
      return options;
    };
    std::vector<std::unique_ptr<LogTablet>> logs;
    std::vector<FlushJob> jobs;
    std::vector<const FlushJob*> pointers;
    for (size_t i = 0; i < kLogs; ++i) {
      logs.push_back(MustOpen(files, options_of(i)));
      for (int32_t n = 0; n < 5; ++n)
        ASSERT_THAT(logs[i]->Append(MakeBatch(2, 7, n), kNow), IsOk());
      auto job = logs[i]->MakeFlush();
      ASSERT_THAT(job, IsOk());
      jobs.push_back(std::move(*job));
    }
    for (const FlushJob& job : jobs) pointers.push_back(&job);
    files.FailFrom(nth);
    const std::vector<Status> results = RunFlushes(files, "/data", pointers);
    const bool fired = files.fired();
    files.Crash();
    const bool lost = std::ranges::any_of(results, [](const Status& result) {
      return !result && result.error().code == ErrorCode::kLogStorage;
    });
    if (lost) ++refused;
    for (size_t i = 0; i < kLogs; ++i) {
      if (lost) {
        EXPECT_THAT(results[i], IsError(ErrorCode::kLogStorage)) << nth;
      }
      LogTablet::Options options = options_of(i);
      options.flushed_offset = results[i] ? jobs[i].end_offset : 0;
      const auto log = MustOpen(files, options);
      if (!results[i]) continue;
      EXPECT_EQ(log->end_offset(), 10) << nth;
      EXPECT_TRUE(log->Append(MakeBatch(2, 7, 4), kNow)->duplicate) << nth;
    }
    if (!fired) break;
  }
  EXPECT_GT(refused, 0);
}

// Power goes at any moment with any part of the unsynced tail on the disk: what was flushed is
// there, the rest is whole batches.
TEST(LogTablet, SurvivesALossOfPowerAtAnyTornByte) {
  for (int64_t torn = 0; torn < 400; torn += 7) {
    FaultyFileSystem files;
    int64_t flushed = 0;
    {
      const auto log = MustOpen(files, TestOptions(700));
      for (int i = 0; i < 20; ++i) {
        ASSERT_THAT(log->Append(MakeBatch(2, 5, i), kNow), IsOk());
        if (i == 11) {
          const auto job = log->MakeFlush();
          ASSERT_THAT(job, IsOk());
          ASSERT_THAT(job->Run(), IsOk());
          flushed = job->end_offset;
        }
      }
    }
    files.Crash(torn);
    LogTablet::Options options = TestOptions(700);
    options.flushed_offset = flushed;
    const auto log = MustOpen(files, options);
    EXPECT_GE(log->end_offset(), flushed) << torn;
    const auto batches = ReadAll(*log, 0);
    ASSERT_FALSE(batches.empty());
    EXPECT_EQ(batches.back().second, log->end_offset());
    // The writer goes on where the log ends.
    const auto next = static_cast<int32_t>(log->end_offset() / 2);
    EXPECT_THAT(log->Append(MakeBatch(2, 5, next), kNow), IsOk()) << torn;
    EXPECT_TRUE(log->Append(MakeBatch(2, 5, next - 1), kNow)->duplicate) << torn;
  }
}

TEST(LogTablet, DamageInTheMiddleCutsThereAndSaysSo) {
  FaultyFileSystem files;
  {
    const auto log = MustOpen(files, TestOptions(1000));
    for (int i = 0; i < 40; ++i) ASSERT_THAT(log->Append(MakeBatch(2), kNow), IsOk());
    ASSERT_GT(log->segment_count(), 3U);
  }
  files.FlipByte("/data/t-1/log-0/" + FileNameOf(0, kLogSuffix), 300);
  const auto log = MustOpen(files, TestOptions(1000));
  EXPECT_EQ(log->end_offset(), 4) << "two whole batches lie before the flipped byte";
  EXPECT_EQ(log->segment_count(), 1U);
}

// Appends, restarts, crashes and retention in any order agree with a list of batches.
RC_GTEST_PROP(LogTablet, BehavesLikeAListOfBatches, (const std::vector<uint8_t>& steps)) {
  FaultyFileSystem files;
  auto options = TestOptions(500);
  auto log = *LogTablet::Open(files, options);
  std::vector<std::pair<int64_t, int64_t>> model;
  Millis now = kNow;
  for (const uint8_t step : steps) {
    now += 1000;
    switch (step % 8) {
      case 5: {  // close and open in order
        RC_ASSERT(log->Close().has_value());
        options.flushed_offset = log->flushed_offset();
        options.clean = true;
        log = *LogTablet::Open(files, options);
        options.clean = false;
        break;
      }
      case 6: {  // the process dies: all that was written is there
        options.flushed_offset = log->flushed_offset();
        log = *LogTablet::Open(files, options);
        break;
      }
      case 7: {
        RC_ASSERT(log->DeleteExpired(now - 10'000, log->end_offset(), step % 16 == 15).has_value());
        std::erase_if(model,
                      [&](const auto& batch) { return batch.second <= log->start_offset(); });
        break;
      }
      default: {
        const auto appended = log->Append(MakeBatch(1 + step % 3), now);
        RC_ASSERT(appended.has_value());
        model.emplace_back(appended->first_offset, appended->end_offset);
        break;
      }
    }
    RC_ASSERT(log->end_offset() == (model.empty() ? log->start_offset() : model.back().second));
    RC_ASSERT(ReadAll(*log, log->start_offset()) == model);
  }
}

TEST(Checkpoint, ComesBackAndRefusesWhatItIsNot) {
  FaultyFileSystem files;
  const OffsetCheckpoint offsets{{{1, model::kNoPartition, 0}, 10}, {{2, 7, 3}, 1LL << 40}};
  ASSERT_THAT(WriteCheckpoint(files, "/data/checkpoint", offsets), IsOk());
  EXPECT_EQ(*ReadCheckpoint(files, "/data/checkpoint"), offsets);
  EXPECT_EQ(*io::ReadWholeFile(files, "/data/checkpoint"), "0\n2\n1 0 10\n2 7 3 1099511627776\n");
  EXPECT_TRUE(ReadCheckpoint(files, "/data/none")->empty());
  for (const char* bad : {"1\n0\n", "0\n2\n1 0 10\n", "0\n1\n1 0\n", "0\n1\na b c\n"}) {
    ASSERT_THAT(io::WriteFileAtomically(files, "/data/bad", bad), IsOk());
    EXPECT_THAT(ReadCheckpoint(files, "/data/bad"), IsError(ErrorCode::kCorrupt)) << bad;
  }
}

}  // namespace
}  // namespace strom::log
