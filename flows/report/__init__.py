"""The page, the figures and the tables that people look at: functions of the files in a run's folder."""
