def handler(event, context):
    return 1


this is wrong here
