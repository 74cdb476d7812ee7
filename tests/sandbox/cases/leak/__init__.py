STATE = []
